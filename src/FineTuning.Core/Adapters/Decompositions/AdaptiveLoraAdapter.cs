using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>AdaLoRA (Zhang et al. 2023), equation 3: W + B (A times E) alpha / (rank + 1e-5). The allocation of ranks during training is not part of
/// it.</summary>
public sealed record AdaptiveLoraAdapter : Adapter
{
    /// <summary>Rows of A. Default 12.</summary>
    public int Rank { get; init; } = 12;

    /// <summary>The factor of the change, over the rank. Default 8.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>The weight of the penalty on factors that are not orthogonal. Default 0.5.</summary>
    public double OrthogonalPenalty { get; init; } = 0.5;

    internal override string PeftType => "ADALORA";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Adaptive(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (Rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {Rank}; it is from 1 to 65536");
        if (!(Alpha > 0)) violations.Add("the adapter's alpha is above 0");
    }

    internal override void Write(JsonObject config)
    {
        config["init_r"] = Rank;
        config["target_r"] = Rank;
        config["lora_alpha"] = Alpha;
        config["orth_reg_weight"] = OrthogonalPenalty;
    }

    internal static AdaptiveLoraAdapter Read(ConfigFile config)
    {
        if (config.Root["rank_pattern"] is JsonObject { Count: > 0 })
            throw config.Fault("'rank_pattern' says that ranks were taken away in training, which is not supported");
        return new() { Rank = config.Count("init_r", 12, most: 65536), Alpha = config.Number("lora_alpha", 8, 0, 1e9),
            OrthogonalPenalty = config.Number("orth_reg_weight", 0.5, 0, 1e9) };
    }

    private sealed class Adaptive(LinearModule module, string path, AdaptiveLoraAdapter options, ParameterSource source) : LinearMethod(module)
    {
        private readonly Weight _a = source.Make(path, "lora_A", [options.Rank, module.Inputs], module.Depth, () =>
            randn([options.Rank, module.Inputs], generator: source.Generator) * Held(0.02));
        private readonly Weight _b = source.Make(path, "lora_B", [module.Length, options.Rank], module.Depth, () =>
            randn([module.Length, options.Rank], generator: source.Generator) * Held(0.02));
        private readonly Weight _e = source.Make(path, "lora_E", [options.Rank, 1], module.Depth, () => zeros(options.Rank, 1));

        public override Tensor Delta() => _b.Value.mm(_a.Value * _e.Value) * Held(options.Alpha / (options.Rank + 1e-5));

        public override Tensor Matrix(Tensor matrix) => matrix.Plus(Delta());

        // The mean over all factors of all modules; each module gives that of its own two.
        public override Tensor Penalty()
        {
            Tensor a = (_a.Value.mm(_a.Value.t()) - eye(options.Rank, dtype: _a.Value.dtype, device: _a.Value.device)).norm();
            Tensor b = (_b.Value.t().mm(_b.Value) - eye(options.Rank, dtype: _b.Value.dtype, device: _b.Value.device)).norm();
            return a.Plus(b) * Held(options.OrthogonalPenalty / 2);
        }
    }
}
