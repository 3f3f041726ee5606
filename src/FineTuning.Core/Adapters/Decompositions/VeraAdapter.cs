using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>VeRA (Kopiczko et al. 2023), equation 2: W + (b times B)(d times A), with drawn A and B that all modules share and that stay.</summary>
public sealed record VeraAdapter : Adapter
{
    /// <summary>Rows of A. Default 256.</summary>
    public int Rank { get; init; } = 256;

    /// <summary>What d begins with. Default 0.1.</summary>
    public double Initial { get; init; } = 0.1;

    internal override string PeftType => "VERA";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Shared(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (Rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {Rank}; it is from 1 to 65536");
    }

    internal override void Write(JsonObject config) => (config["r"], config["d_initial"], config["save_projection"]) = (Rank, Initial, true);

    internal static VeraAdapter Read(ConfigFile config)
    {
        if (!config.Flag("save_projection", true)) throw config.Fault("'save_projection' is false: the shared matrices are not in the file and cannot be " +
            "drawn again; save them with it");
        return new() { Rank = config.Count("r", 256, most: 65536), Initial = config.Number("d_initial", 0.1, -1e6, 1e6) };
    }

    private sealed class Shared(LinearModule module, string path, VeraAdapter options, ParameterSource source) : LinearMethod(module)
    {
        private readonly Weight _b = source.Make(path, "vera_lambda_b", [module.Length], module.Depth, () => zeros(module.Length));
        private readonly Weight _d = source.Make(path, "vera_lambda_d", [options.Rank], module.Depth, () =>
            full([options.Rank], Held(options.Initial), ScalarType.Float32));
        private readonly Weight _allA = source.Shared("base_model.vera_A", [options.Rank, source.Largest.Inputs], () =>
            LoraFactors.Uniform(options.Rank, source.Largest.Inputs, source.Generator));
        private readonly Weight _allB = source.Shared("base_model.vera_B", [source.Largest.Outputs, options.Rank], () =>
            LoraFactors.Uniform(source.Largest.Outputs, options.Rank, source.Generator));

        public override Tensor Delta()
        {
            Tensor a = _allA.Value.narrow(1, 0, Module.Inputs) * _d.Value.unsqueeze(1);
            return (_allB.Value.narrow(0, 0, Module.Length) * _b.Value.unsqueeze(1)).mm(a);
        }

        public override Tensor Matrix(Tensor matrix) => matrix.Plus(Delta());
    }
}
