using System.Text.Json.Serialization;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>The weights from which stages begin: where the first began, and where the last stood before it cooled down.</summary>
internal sealed class StageWeights : IDisposable
{
    private readonly BestWeights _first;
    private readonly Weight[] _weights;
    private readonly IncrementalOptions _options;
    private readonly long _seed;
    private BestWeights? _stable;

    /// <summary>Keeps the weights as they are.</summary>
    public StageWeights(WeightSet weights, IncrementalOptions options, long seed)
    {
        (_options, _seed) = (options, seed);
        _weights = [.. weights.Where(weight => weight.CanTrain)];
        _first = new(_weights);
        _first.Keep();
    }

    /// <summary>Puts the weights where a stage begins.</summary>
    /// <param name="stage">From 0.</param>
    public void Begin(int stage)
    {
        if (stage == 0) return;
        if (_options.Start == StageStart.Cold) _first.Restore();
        if (_options.Start == StageStart.ShrinkAndPerturb) Shrink(stage);
        if (_options.Start == StageStart.Stable && _stable is { Any: true }) _stable.Restore();
    }

    /// <summary>The recipe of a stage, which may have to keep weights on the way.</summary>
    public TrainingOptions RecipeOf(int stage, TrainingOptions recipe)
    {
        if (_options.Start != StageStart.Stable) return recipe;
        _stable?.Dispose();
        _stable = new(_weights);
        Schedule schedule = Schedule.WarmupStableDecay(_options.CoolDown, stage == 0 ? recipe.Schedule.Warmup : Warmup.None);
        return (recipe with { Schedule = schedule }).With(new StableWeights(_options.CoolDown) { Kept = _stable });
    }

    public void Dispose()
    {
        _first.Dispose();
        _stable?.Dispose();
    }

    // w0 + s (w - w0) + noise: towards where the first began, not towards 0, since that is pretrained.
    private void Shrink(int stage)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        Tensor[] ended = [.. _weights.Select(weight => weight.Value.detach().clone())];
        _first.Restore();
        for (int i = 0; i < _weights.Length; i++)
        {
            Tensor value = _weights[i].Value;
            value.add_(ended[i].add(value, Held(-1)), Held(_options.Shrink));
            if (_weights[i].Kind != WeightKind.Matrix || _options.Perturb == 0 || value.numel() < 2) continue;
            // Evenly spread numbers between -1 and 1 have a deviation of the root of 1/3.
            double deviation = value.std().Number();
            Tensor noise = new DropoutStream(_seed, stage, -3).Layer(i).Uniform(value.shape, 0).to(value.dtype).to(value.device);
            value.add_(noise, Held(_options.Perturb * deviation * Math.Sqrt(3)));
        }
    }
}

/// <summary>Keeps the weights at the step at which the rate of a warm-up-stable-decay schedule begins to fall: part of a stage's recipe.</summary>
/// <param name="CoolDown">The share of the steps in which it falls.</param>
internal sealed record StableWeights(double CoolDown) : RunFeature
{
    // Where they go; no part of the recipe.
    [JsonIgnore]
    public BestWeights? Kept { get; init; }

    public bool Equals(StableWeights? other) => other is not null && CoolDown.Equals(other.CoolDown);

    public override int GetHashCode() => CoolDown.GetHashCode();

    internal override LoopFeature Start() => new Keeping(this);

    private sealed class Keeping(StableWeights settings) : LoopFeature
    {
        public override void AfterStep(RunParts run)
        {
            long all = run.Record.Length.TotalSteps;
            if (run.Record.Steps == all - (long)Math.Ceiling(settings.CoolDown * all)) settings.Kept?.Keep();
        }
    }
}
