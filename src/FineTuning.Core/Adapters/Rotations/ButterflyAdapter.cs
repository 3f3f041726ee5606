using System.Text.Json.Nodes;
using FineTuning.Models;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>BOFT (Liu et al. 2023) with one butterfly factor: blocks of the inputs are turned, each output has a factor.</summary>
public sealed record ButterflyAdapter : Adapter
{
    /// <summary>Inputs in a block. Default 4.</summary>
    public int BlockSize { get; init; } = 4;

    internal override string PeftType => "BOFT";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Turned(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (BlockSize < 1) violations.Add($"BOFT has blocks of {BlockSize} inputs; 1 or more was expected");
    }

    internal override void Write(JsonObject config) =>
        (config["boft_block_size"], config["boft_block_num"], config["boft_n_butterfly_factor"]) = (BlockSize, 0, 1);

    internal static ButterflyAdapter Read(ConfigFile config)
    {
        if (config.Count("boft_n_butterfly_factor", 1) != 1) throw config.Fault("'boft_n_butterfly_factor' is not 1, which is not supported");
        if (config.Count("boft_block_num", 0, least: 0) != 0) throw config.Fault("'boft_block_num' is not 0, which is not supported: give 'boft_block_size'");
        return new() { BlockSize = config.Count("boft_block_size", 4) };
    }

    private sealed class Turned : LinearMethod
    {
        private readonly Weight _turns, _factors;

        public Turned(LinearModule module, string path, ButterflyAdapter options, ParameterSource source)
            : base(module)
        {
            long size = options.BlockSize;
            if (module.Inputs % size != 0) throw new Errors.InvalidOptionsException([$"'{path}' has {module.Inputs} inputs, which blocks of {size} do " +
                $"not divide"]);
            long[] shape = [1, module.Inputs / size, size, size];
            _turns = source.Make(path, "boft_R", shape, module.Depth, () => zeros(shape));
            _factors = source.Make(path, "boft_s", [module.Length, 1], module.Depth, () => ones(module.Length, 1));
        }

        public override Tensor Matrix(Tensor matrix)
        {
            Tensor given = _turns.Value.squeeze(0), skew = (given - given.transpose(1, 2)) / Held(2);
            return OrthogonalAdapter.Turn(matrix, OrthogonalAdapter.Cayley(skew)) * _factors.Value;
        }
    }
}
