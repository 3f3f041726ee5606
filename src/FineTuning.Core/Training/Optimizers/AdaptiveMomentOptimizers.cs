using System.Text.Json.Serialization;
using FineTuning.Models;
using FineTuning.Tensors;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>RAdam; see <see cref="Optimizer.RAdam"/>.</summary>
public sealed record RAdamOptimizer : Optimizer
{
    [JsonConstructor]
    internal RAdamOptimizer(double learningRate, double weightDecay, double beta1, double beta2, double epsilon)
        : base(learningRate, weightDecay) => (Beta1, Beta2, Epsilon) = (beta1, beta2, epsilon);

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; }

    internal override int WeightCopies => 2;

    internal override OptimizerState CreateState() => new State(this);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Beta1, "RAdam's beta1", violations);
        Share(Beta2, "RAdam's beta2", violations);
        Positive(Epsilon, "RAdam's epsilon", violations);
    }

    private sealed class State(RAdamOptimizer settings) : WeightwiseState
    {
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            (double beta1, double beta2, double step) = (settings.Beta1, settings.Beta2, moments.Step);
            if (decay != 0) gradient.add_(weight.Value, Held(decay));
            Tensor first = moments.Get("first", () => zeros_like(weight.Value, requires_grad: false));
            Tensor second = moments.Get("second", () => zeros_like(weight.Value, requires_grad: false));
            first.mul_(Held(beta1)).add_(gradient, Held(1 - beta1));
            second.mul_(Held(beta2)).addcmul_(gradient, gradient, Held(1 - beta2));
            double correction = 1 - Math.Pow(beta2, step);
            double longest = (2 / (1 - beta2)) - 1;
            double length = longest - (2 * step * Math.Pow(beta2, step) / correction);
            double size = rate / (1 - Math.Pow(beta1, step));
            if (length <= 5)
            {
                weight.Value.add_(first, Held(-size));
                return;
            }
            double rectified = Math.Sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
            weight.Value.addcdiv_(first, second.sqrt().PlusInPlace(settings.Epsilon), Held(-size * rectified * Math.Sqrt(correction)));
        }
    }
}

/// <summary>NAdam; see <see cref="Optimizer.NAdam"/>.</summary>
public sealed record NAdamOptimizer : Optimizer
{
    [JsonConstructor]
    internal NAdamOptimizer(double learningRate, double weightDecay, double beta1, double beta2, double epsilon, double momentumDecay)
        : base(learningRate, weightDecay) => (Beta1, Beta2, Epsilon, MomentumDecay) = (beta1, beta2, epsilon, momentumDecay);

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; }

    /// <summary>How fast the momentum approaches beta1.</summary>
    public double MomentumDecay { get; init; }

    internal override int WeightCopies => 2;

    internal override OptimizerState CreateState() => new State(this);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Beta1, "NAdam's beta1", violations);
        Share(Beta2, "NAdam's beta2", violations);
        Positive(Epsilon, "NAdam's epsilon", violations);
        if (MomentumDecay is not (>= 0 and < double.PositiveInfinity)) violations.Add($"NAdam's momentum decay is {MomentumDecay}: it is 0 or more");
    }

    private sealed class State(NAdamOptimizer settings) : WeightwiseState
    {
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            (double beta1, double beta2, double step) = (settings.Beta1, settings.Beta2, moments.Step);
            if (decay != 0) gradient.add_(weight.Value, Held(decay));
            double now = beta1 * (1 - (0.5 * Math.Pow(0.96, step * settings.MomentumDecay)));
            double next = beta1 * (1 - (0.5 * Math.Pow(0.96, (step + 1) * settings.MomentumDecay)));
            moments.Product *= now;
            Tensor first = moments.Get("first", () => zeros_like(weight.Value, requires_grad: false));
            Tensor second = moments.Get("second", () => zeros_like(weight.Value, requires_grad: false));
            first.mul_(Held(beta1)).add_(gradient, Held(1 - beta1));
            second.mul_(Held(beta2)).addcmul_(gradient, gradient, Held(1 - beta2));
            Tensor divisor = second.div(Held(1 - Math.Pow(beta2, step))).sqrt_().PlusInPlace(settings.Epsilon);
            weight.Value.addcdiv_(gradient, divisor, Held(-rate * (1 - now) / (1 - moments.Product)));
            weight.Value.addcdiv_(first, divisor, Held(-rate * next / (1 - (moments.Product * next))));
        }
    }
}
