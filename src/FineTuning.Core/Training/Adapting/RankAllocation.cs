using FineTuning.Adapters;
using FineTuning.Models;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>AdaLoRA's allocation (Zhang et al. 2023, algorithm 1): the least important directions of all modules are taken away, until each module has the
/// target's on average.</summary>
/// <remarks>A direction is taken away by setting its entry of E to 0; the file keeps its shape.</remarks>
internal sealed class RankAllocation : IDisposable
{
    private const string Path = "allocation/";
    private readonly AdaptiveLoraAdapter _options;
    private readonly AdaptiveLinear[] _modules;
    private readonly Weight[] _weights;
    private Tensor[]? _sensitivity;
    private Tensor[]? _uncertainty;

    public RankAllocation(AdaptiveLoraAdapter options, BuiltAdapter built)
    {
        _options = options;
        _modules = [.. built.Linears.OfType<AdaptiveLinear>()];
        _weights = [.. _modules.SelectMany(module => new[] { module.A, module.B, module.E })];
    }

    /// <summary>Keeps how much each number matters, |w times its gradient|, smoothed, and how that varies (equations 8 to 10).</summary>
    /// <param name="targetCount">What the gradients are divided by later.</param>
    public void Observe(double targetCount)
    {
        using var gradients = no_grad();
        _sensitivity ??= Zeros();
        _uncertainty ??= Zeros();
        for (int i = 0; i < _weights.Length; i++)
        {
            if (_weights[i].Value.grad is not { } gradient) continue;
            using var scope = NewDisposeScope();
            Tensor seen = (_weights[i].Value * gradient).abs() * Held(1 / targetCount);
            _sensitivity[i].mul_(Held(_options.SensitivityDecay)).add_(seen, Held(1 - _options.SensitivityDecay));
            _uncertainty[i].mul_(Held(_options.UncertaintyDecay)).add_((seen - _sensitivity[i]).abs(), Held(1 - _options.UncertaintyDecay));
        }
    }

    /// <summary>Takes away what the budget of a step has no room for.</summary>
    public void Allocate(long step, long totalSteps)
    {
        if (_sensitivity is null) return;
        long last = totalSteps - _options.FinalSteps;
        bool isFinal = step >= last;
        if (step <= _options.WarmupSteps || (!isFinal && step % _options.Interval != 0)) return;
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        if (step > last)
        {
            // What was taken away stays so: its entry moved again.
            for (int i = 0; i < _modules.Length; i++) _modules[i].E.Value.mul_(_uncertainty![(3 * i) + 2]);
            return;
        }
        int budget = isFinal ? Target : Budget(step, last);
        Tensor all = cat([.. _modules.Select((_, i) => Importance(i))], 0);
        int removed = _modules.Length * _options.Rank - budget;
        if (removed > 0)
        {
            Tensor threshold = all.sort().Values[removed - 1];
            for (int i = 0; i < _modules.Length; i++)
            {
                Tensor kept = all.narrow(0, i * _options.Rank, _options.Rank).gt(threshold).to(_modules[i].E.Value.dtype).unsqueeze(1);
                _modules[i].E.Value.mul_(kept);
            }
        }
        if (!isFinal) return;
        // From now on only what is kept counts: its mask stands where the uncertainty did.
        for (int i = 0; i < _modules.Length; i++) _uncertainty![(3 * i) + 2].copy_(_modules[i].E.Value.ne(Held(0)));
    }

    public void Export(StateWriter state)
    {
        for (int i = 0; _sensitivity is not null && i < _weights.Length; i++)
        {
            state.Add($"{Path}sensitivity/{_weights[i].Name}", _sensitivity[i]);
            state.Add($"{Path}uncertainty/{_weights[i].Name}", _uncertainty![i]);
        }
    }

    public void Import(StateReader state)
    {
        if (state.Below(Path).Count == 0) return;
        _sensitivity = state.Copies($"{Path}sensitivity/", _weights);
        _uncertainty = state.Copies($"{Path}uncertainty/", _weights);
    }

    public void Dispose()
    {
        foreach (Tensor value in (_sensitivity ?? []).Concat(_uncertainty ?? [])) value.Dispose();
    }

    private int Target => _modules.Length * _options.TargetRank!.Value;

    // A cubic decay from all directions to the target's (equation 12).
    private int Budget(long step, long last)
    {
        double left = 1 - ((double)(step - _options.WarmupSteps) / Math.Max(1, last - _options.WarmupSteps));
        return (int)(((_modules.Length * _options.Rank) - Target) * Math.Pow(left, 3)) + Target;
    }

    // Of a direction: its entry of E, and the mean over its row of A and its column of B (equation 7).
    private Tensor Importance(int module)
    {
        Tensor Score(int part) => _sensitivity![(3 * module) + part] * _uncertainty![(3 * module) + part];
        return Score(0).mean([1]).Plus(Score(1).mean([0])).Plus(Score(2).squeeze(1));
    }

    private Tensor[] Zeros() => [.. _weights.Select(weight => zeros_like(weight.Value, requires_grad: false).DetachFromDisposeScope())];
}
