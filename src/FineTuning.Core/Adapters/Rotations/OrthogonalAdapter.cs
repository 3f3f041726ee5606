using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>OFT (Qiu et al. 2023): blocks of the inputs are turned by orthogonal matrices, made of skew ones by Cayley's transform.</summary>
public sealed record OrthogonalAdapter : Adapter
{
    /// <summary>Inputs in a block; 0: <see cref="Blocks"/> says. Default 32.</summary>
    public int BlockSize { get; init; } = 32;

    /// <summary>How many blocks; 0: <see cref="BlockSize"/> says.</summary>
    public int Blocks { get; init; }

    /// <summary>Whether all blocks of a module turn alike.</summary>
    public bool SharesBlocks { get; init; }

    /// <summary>Whether the inverse is the first terms of its series.</summary>
    public bool UsesSeries { get; init; } = true;

    internal override string PeftType => "OFT";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Turned(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if ((BlockSize > 0) == (Blocks > 0)) violations.Add($"OFT has blocks of {BlockSize} inputs and {Blocks} blocks; one of the two is above 0, the " +
            $"other 0");
    }

    internal override void Write(JsonObject config) =>
        (config["r"], config["oft_block_size"], config["block_share"], config["use_cayley_neumann"], config["num_cayley_neumann_terms"],
            config["coft"]) = (Blocks, BlockSize, SharesBlocks, UsesSeries, 5, false);

    internal static OrthogonalAdapter Read(ConfigFile config)
    {
        if (config.Flag("coft", false)) throw config.Fault("'coft' is true, which is not supported");
        if (config.Count("num_cayley_neumann_terms", 5) != 5) throw config.Fault("'num_cayley_neumann_terms' is not 5, which is not supported");
        return new()
        {
            BlockSize = config.Count("oft_block_size", 0, least: 0), Blocks = config.Count("r", 0, least: 0),
                SharesBlocks = config.Flag("block_share", false), UsesSeries = config.Flag("use_cayley_neumann", true),
        };
    }

    /// <summary>Turns blocks of columns: the matrix times the transposed block-diagonal matrix of the rotations.</summary>
    /// <param name="matrix">[outputs, inputs]</param>
    /// <param name="rotations">[blocks or 1, size, size]</param>
    internal static Tensor Turn(Tensor matrix, Tensor rotations)
    {
        long size = rotations.shape[1], blocks = matrix.shape[1] / size;
        Tensor columns = matrix.view(matrix.shape[0], blocks, size).transpose(0, 1);
        return columns.bmm(rotations.transpose(1, 2).expand(blocks, size, size)).transpose(0, 1).reshape(matrix.shape);
    }

    /// <summary>(I - Q)(I + Q)^-1 for skew Q, [blocks, size, size].</summary>
    internal static Tensor Cayley(Tensor skew)
    {
        Tensor identity = eye(skew.shape[1], dtype: skew.dtype, device: skew.device).unsqueeze(0).expand(skew.shape);
        // The factors commute.
        return linalg.solve(identity.Plus(skew), identity - skew);
    }

    private sealed class Turned : LinearMethod
    {
        private readonly Weight _turns;
        private readonly long _size;
        private readonly bool _series;

        public Turned(LinearModule module, string path, OrthogonalAdapter options, ParameterSource source)
            : base(module)
        {
            if (options.BlockSize > 0 ? module.Inputs % options.BlockSize != 0 : module.Inputs % options.Blocks != 0)
            {
                throw new Errors.InvalidOptionsException([$"'{path}' has {module.Inputs} inputs, which " +
                    $"{(options.BlockSize > 0 ? $"blocks of {options.BlockSize}" : $"{options.Blocks} blocks")} do not divide"]);
            }
            _size = options.BlockSize > 0 ? options.BlockSize : module.Inputs / options.Blocks;
            long[] shape = [options.SharesBlocks ? 1 : module.Inputs / _size, _size * (_size - 1) / 2];
            _turns = source.Make(path, "oft_R.weight", shape, module.Depth, () => zeros(shape));
            _series = options.UsesSeries;
        }

        public override Tensor Matrix(Tensor matrix) => Turn(matrix, Rotations());

        private Tensor Rotations()
        {
            Tensor indices = triu_indices(_size, _size, 1, device: _turns.Value.device);
            Tensor flat = zeros([_turns.Value.shape[0], _size * _size], dtype: _turns.Value.dtype, device: _turns.Value.device);
            Tensor upper = flat.index_copy(1, (indices.select(0, 0) * Held(_size)).Plus(indices.select(0, 1)), _turns.Value).view(-1, _size, _size);
            Tensor skew = upper - upper.transpose(1, 2);
            if (!_series) return Cayley(skew);
            Tensor squared = skew.bmm(skew), cubed = squared.bmm(skew);
            Tensor identity = eye(_size, dtype: skew.dtype, device: skew.device).unsqueeze(0);
            return identity.Plus(skew.Plus(squared).Plus(cubed) * Held(2)).Plus(squared.bmm(squared));
        }
    }
}
