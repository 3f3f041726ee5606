using System.Text.Json.Serialization;
using FineTuning.Models;
using FineTuning.Tensors;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Stochastic gradient descent; see <see cref="Optimizer.Sgd"/>.</summary>
public sealed record SgdOptimizer : Optimizer
{
    [JsonConstructor]
    internal SgdOptimizer(double learningRate, double weightDecay, double momentum, bool nesterov)
        : base(learningRate, weightDecay) => (Momentum, Nesterov) = (momentum, nesterov);

    /// <summary>From 0 to below 1.</summary>
    public double Momentum { get; init; }

    /// <summary>Whether the gradient is taken ahead of the momentum.</summary>
    public bool Nesterov { get; init; }

    internal override int WeightCopies => Momentum > 0 ? 1 : 0;

    internal override OptimizerState CreateState() => new State(this);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Momentum, "SGD's momentum", violations);
        if (Nesterov && Momentum == 0) violations.Add("SGD's Nesterov is on without momentum: set a momentum, 0.9 for example");
    }

    private sealed class State(SgdOptimizer settings) : WeightwiseState
    {
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            if (decay != 0) gradient.add_(weight.Value, Held(decay));
            Tensor direction = gradient;
            if (settings.Momentum > 0)
            {
                Tensor velocity = moments.Get("velocity", () => zeros_like(weight.Value, requires_grad: false));
                velocity.mul_(Held(settings.Momentum)).PlusInPlace(gradient);
                direction = settings.Nesterov ? gradient.add_(velocity, Held(settings.Momentum)) : velocity;
            }
            weight.Value.add_(direction, Held(-rate));
        }
    }
}

/// <summary>RMSprop; see <see cref="Optimizer.RmsProp"/>.</summary>
public sealed record RmsPropOptimizer : Optimizer
{
    [JsonConstructor]
    internal RmsPropOptimizer(double learningRate, double weightDecay, double smoothing, double momentum, double epsilon)
        : base(learningRate, weightDecay) => (Smoothing, Momentum, Epsilon) = (smoothing, momentum, epsilon);

    /// <summary>Decay of the mean square.</summary>
    public double Smoothing { get; init; }

    /// <summary>From 0 to below 1.</summary>
    public double Momentum { get; init; }

    /// <summary>Added to the root of the mean square.</summary>
    public double Epsilon { get; init; }

    internal override int WeightCopies => Momentum > 0 ? 2 : 1;

    internal override OptimizerState CreateState() => new State(this);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Smoothing, "RMSprop's smoothing", violations);
        Share(Momentum, "RMSprop's momentum", violations);
        Positive(Epsilon, "RMSprop's epsilon", violations);
    }

    private sealed class State(RmsPropOptimizer settings) : WeightwiseState
    {
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            if (decay != 0) gradient.add_(weight.Value, Held(decay));
            Tensor square = moments.Get("square", () => zeros_like(weight.Value, requires_grad: false));
            square.mul_(Held(settings.Smoothing)).addcmul_(gradient, gradient, Held(1 - settings.Smoothing));
            Tensor direction = gradient / square.sqrt().PlusInPlace(settings.Epsilon);
            if (settings.Momentum > 0)
            {
                Tensor velocity = moments.Get("velocity", () => zeros_like(weight.Value, requires_grad: false));
                direction = velocity.mul_(Held(settings.Momentum)).PlusInPlace(direction);
            }
            weight.Value.add_(direction, Held(-rate));
        }
    }
}

/// <summary>Adagrad; see <see cref="Optimizer.Adagrad"/>.</summary>
public sealed record AdagradOptimizer : Optimizer
{
    [JsonConstructor]
    internal AdagradOptimizer(double learningRate, double weightDecay, double epsilon)
        : base(learningRate, weightDecay) => Epsilon = epsilon;

    /// <summary>Added to the root of the sum of squares.</summary>
    public double Epsilon { get; init; }

    internal override OptimizerState CreateState() => new State(this);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Positive(Epsilon, "Adagrad's epsilon", violations);
    }

    private sealed class State(AdagradOptimizer settings) : WeightwiseState
    {
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            if (decay != 0) gradient.add_(weight.Value, Held(decay));
            Tensor sum = moments.Get("sum", () => zeros_like(weight.Value, requires_grad: false));
            sum.addcmul_(gradient, gradient, Held(1));
            weight.Value.addcdiv_(gradient, sum.sqrt().PlusInPlace(settings.Epsilon), Held(-rate));
        }
    }
}

/// <summary>Lion; see <see cref="Optimizer.Lion"/>.</summary>
public sealed record LionOptimizer : Optimizer
{
    [JsonConstructor]
    internal LionOptimizer(double learningRate, double weightDecay, double beta1, double beta2)
        : base(learningRate, weightDecay) => (Beta1, Beta2) = (beta1, beta2);

    /// <summary>The interpolation in the update.</summary>
    public double Beta1 { get; init; }

    /// <summary>Decay of the momentum.</summary>
    public double Beta2 { get; init; }

    internal override OptimizerState CreateState() => new State(this);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Beta1, "Lion's beta1", violations);
        Share(Beta2, "Lion's beta2", violations);
    }

    private sealed class State(LionOptimizer settings) : WeightwiseState
    {
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            if (decay != 0) weight.Value.mul_(Held(1 - (rate * decay)));
            Tensor momentum = moments.Get("momentum", () => zeros_like(weight.Value, requires_grad: false));
            Tensor direction = momentum.mul(Held(settings.Beta1)).add_(gradient, Held(1 - settings.Beta1)).sign_();
            weight.Value.add_(direction, Held(-rate));
            momentum.mul_(Held(settings.Beta2)).add_(gradient, Held(1 - settings.Beta2));
        }
    }
}
