using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>AdaLoRA (Zhang et al. 2023), equation 3: W + B (A times E) alpha / (rank + 1e-5); during a run, ranks move to the modules where they
/// matter.</summary>
public sealed record AdaptiveLoraAdapter : Adapter
{
    /// <summary>Rows of A. Default 12.</summary>
    public int Rank { get; init; } = 12;

    /// <summary>The factor of the change, over the rank. Default 8.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>The rank that modules have on average at the end, from 1 to <see cref="Rank"/>; null (default): none is taken away.</summary>
    public int? TargetRank { get; init; }

    /// <summary>Steps before the first is taken away, 0 or more. Default 0.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Steps at the end in which none is taken away any more, 0 or more; a run has more steps than both. Default 0.</summary>
    public int FinalSteps { get; init; }

    /// <summary>Steps from one allocation to the next, 1 or more. Default 1.</summary>
    public int Interval { get; init; } = 1;

    /// <summary>The decay of the mean sensitivity, above 0 to below 1. Default 0.85.</summary>
    public double SensitivityDecay { get; init; } = 0.85;

    /// <summary>The decay of the mean uncertainty, above 0 to below 1. Default 0.85.</summary>
    public double UncertaintyDecay { get; init; } = 0.85;

    /// <summary>The weight of the penalty on factors that are not orthogonal. Default 0.5.</summary>
    public double OrthogonalPenalty { get; init; } = 0.5;

    internal override string PeftType => "ADALORA";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new AdaptiveLinear(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (Rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {Rank}; it is from 1 to 65536");
        if (!(Alpha > 0)) violations.Add("the adapter's alpha is above 0");
        if (TargetRank < 1 || TargetRank > Rank) violations.Add($"TargetRank is {TargetRank}; it is from 1 to the rank, {Rank}");
        if (WarmupSteps < 0 || FinalSteps < 0) violations.Add($"WarmupSteps and FinalSteps are {WarmupSteps} and {FinalSteps}; they are 0 or more");
        if (Interval < 1) violations.Add($"Interval is {Interval}; it is 1 or more");
        if (SensitivityDecay is not (> 0 and < 1) || UncertaintyDecay is not (> 0 and < 1))
            violations.Add("SensitivityDecay and UncertaintyDecay are above 0 to below 1");
    }

    internal override void Write(JsonObject config)
    {
        config["init_r"] = Rank;
        config["target_r"] = TargetRank ?? Rank;
        config["tinit"] = WarmupSteps;
        config["tfinal"] = FinalSteps;
        config["deltaT"] = Interval;
        config["beta1"] = SensitivityDecay;
        config["beta2"] = UncertaintyDecay;
        config["lora_alpha"] = Alpha;
        config["orth_reg_weight"] = OrthogonalPenalty;
    }

    internal static AdaptiveLoraAdapter Read(ConfigFile config)
    {
        if (config.Root["rank_pattern"] is JsonObject { Count: > 0 })
            throw config.Fault("'rank_pattern' says that ranks were taken away in training, which is not supported");
        int rank = config.Count("init_r", 12, most: 65536), target = config.Count("target_r", 8, most: 65536);
        return new()
        {
            Rank = rank, TargetRank = target < rank ? target : null, Alpha = config.Number("lora_alpha", 8, 0, 1e9),
            OrthogonalPenalty = config.Number("orth_reg_weight", 0.5, 0, 1e9), WarmupSteps = config.Count("tinit", 0, 0),
                FinalSteps = config.Count("tfinal", 0, 0),
            Interval = config.Count("deltaT", 1), SensitivityDecay = config.Number("beta1", 0.85, 1e-9, 1 - 1e-9),
            UncertaintyDecay = config.Number("beta2", 0.85, 1e-9, 1 - 1e-9),
        };
    }
}

/// <summary>AdaLoRA on a linear module.</summary>
internal sealed class AdaptiveLinear(LinearModule module, string path, AdaptiveLoraAdapter options, ParameterSource source) : LinearMethod(module)
{
    private readonly Weight _a = source.Make(path, "lora_A", [options.Rank, module.Inputs], module.Depth, () =>
        randn([options.Rank, module.Inputs], generator: source.Generator) * Held(0.02));
    private readonly Weight _b = source.Make(path, "lora_B", [module.Length, options.Rank], module.Depth, () =>
        randn([module.Length, options.Rank], generator: source.Generator) * Held(0.02));
    private readonly Weight _e = source.Make(path, "lora_E", [options.Rank, 1], module.Depth, () => zeros(options.Rank, 1));

    public Weight A => _a;

    public Weight B => _b;

    /// <summary>[rank, 1]</summary>
    public Weight E => _e;

    public override bool IsStill => !_e.Value.any().item<bool>();

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
