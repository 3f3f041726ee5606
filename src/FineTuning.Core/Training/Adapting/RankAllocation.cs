using FineTuning.Adapters;
using FineTuning.Errors;
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
    private readonly string _path;
    private readonly AdaptiveLoraAdapter _options;
    private readonly AdaptiveLinear[] _modules;
    private readonly Weight[] _weights;
    // The step from which on nothing is taken away any more.
    private readonly long _last;
    private Tensor[]? _sensitivity;
    private Tensor[]? _uncertainty;
    private Tensor?[]? _gradients;

    /// <exception cref="InvalidOptionsException">Between the steps at the beginning and those at the end there is none to take anything away in.</exception>
    public RankAllocation(AdaptiveLoraAdapter options, BuiltAdapter built, long totalSteps, string name = "")
    {
        (_options, _last, _path) = (options, totalSteps - options.FinalSteps, name.Length > 0 ? $"allocation/{name}/" : "allocation/");
        if (_last <= options.WarmupSteps)
        {
            throw new InvalidOptionsException([$"the adapter takes directions away between its WarmupSteps ({options.WarmupSteps}) and its FinalSteps "
                + $"({options.FinalSteps}), but the run has {totalSteps} steps in all: shorten them, or train longer"]);
        }
        _modules = [.. built.Linears.OfType<AdaptiveLinear>()];
        _weights = [.. _modules.SelectMany(module => new[] { module.A, module.B, module.E })];
    }

    /// <summary>Keeps the gradients of a step.</summary>
    /// <param name="targetCount">What they are divided by later.</param>
    public void Observe(double targetCount)
    {
        using var gradients = no_grad();
        Forget();
        _gradients = [.. _weights.Select(weight => weight.Value.grad is { } gradient ? (gradient * Held(1 / targetCount)).DetachFromDisposeScope() : null)];
    }

    /// <summary>After a step: sees what matters now, and takes away what the budget has no room for.</summary>
    public void Allocate(long step)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        if (step <= _last) Update();
        else
        {
            // What was taken away stays so: its entry moved again.
            for (int i = 0; i < _modules.Length; i++) _modules[i].E.Value.mul_(_uncertainty![(3 * i) + 2]);
            return;
        }
        if (step <= _options.WarmupSteps || (step < _last && step % _options.Interval != 0)) return;
        Tensor all = cat([.. _modules.Select((_, i) => Importance(i))], 0);
        int removed = (_modules.Length * _options.Rank) - (step == _last ? Target : Budget(step));
        Tensor kept = ones_like(all).index_fill_(0, all.argsort().narrow(0, 0, removed), Held(0));
        for (int i = 0; i < _modules.Length; i++)
        {
            Tensor own = kept.narrow(0, i * _options.Rank, _options.Rank).unsqueeze(1);
            _modules[i].E.Value.mul_(own);
            // From now on only what is kept counts: its mask stands where the uncertainty did.
            if (step == _last) _uncertainty![(3 * i) + 2].copy_(own);
        }
    }

    public void Export(StateWriter state)
    {
        for (int i = 0; _sensitivity is not null && i < _weights.Length; i++)
        {
            state.Add($"{_path}sensitivity/{_weights[i].Name}", _sensitivity[i]);
            state.Add($"{_path}uncertainty/{_weights[i].Name}", _uncertainty![i]);
        }
    }

    public void Import(StateReader state)
    {
        if (state.Below(_path).Count == 0) return;
        _sensitivity = state.Copies($"{_path}sensitivity/", _weights);
        _uncertainty = state.Copies($"{_path}uncertainty/", _weights);
    }

    public void Dispose()
    {
        Forget();
        foreach (Tensor value in (_sensitivity ?? []).Concat(_uncertainty ?? [])) value.Dispose();
    }

    // How much each number matters, |w times its gradient|, smoothed, and how that varies (equations 8 to 10); with the weights after the step, since E begins
    // at 0.
    private void Update()
    {
        _sensitivity ??= Zeros();
        _uncertainty ??= Zeros();
        for (int i = 0; i < _weights.Length; i++)
        {
            if (_gradients?[i] is not { } gradient) continue;
            Tensor seen = (_weights[i].Value * gradient).abs();
            _sensitivity[i].mul_(Held(_options.SensitivityDecay)).add_(seen, Held(1 - _options.SensitivityDecay));
            _uncertainty[i].mul_(Held(_options.UncertaintyDecay)).add_((seen - _sensitivity[i]).abs(), Held(1 - _options.UncertaintyDecay));
        }
        Forget();
    }

    private void Forget()
    {
        foreach (Tensor? gradient in _gradients ?? []) gradient?.Dispose();
        _gradients = null;
    }

    private int Target => _modules.Length * _options.TargetRank!.Value;

    // A cubic decay from all directions to the target's (equation 12).
    private int Budget(long step)
    {
        double left = 1 - ((double)(step - _options.WarmupSteps) / (_last - _options.WarmupSteps));
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
