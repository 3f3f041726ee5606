using System.Text.Json.Serialization;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>AdamW; see <see cref="Optimizer.AdamW"/>.</summary>
public sealed record AdamWOptimizer : Optimizer
{
    [JsonConstructor]
    internal AdamWOptimizer(double learningRate, double weightDecay, double beta1, double beta2, double epsilon, bool amsGrad)
        : base(learningRate, weightDecay) => (Beta1, Beta2, Epsilon, AmsGrad) = (beta1, beta2, epsilon, amsGrad);

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; }

    /// <summary>Whether the highest second moment is used.</summary>
    public bool AmsGrad { get; init; }

    internal override int WeightCopies => AmsGrad ? 3 : 2;

    internal override OptimizerState CreateState() => new FusedAdamState(Beta1, Beta2, Epsilon, AmsGrad, decoupled: true);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Beta1, "AdamW's beta1", violations);
        Share(Beta2, "AdamW's beta2", violations);
        Positive(Epsilon, "AdamW's epsilon", violations);
    }
}

/// <summary>Adam; see <see cref="Optimizer.Adam"/>.</summary>
public sealed record AdamOptimizer : Optimizer
{
    [JsonConstructor]
    internal AdamOptimizer(double learningRate, double weightDecay, double beta1, double beta2, double epsilon, bool amsGrad)
        : base(learningRate, weightDecay) => (Beta1, Beta2, Epsilon, AmsGrad) = (beta1, beta2, epsilon, amsGrad);

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; }

    /// <summary>Whether the highest second moment is used.</summary>
    public bool AmsGrad { get; init; }

    internal override int WeightCopies => AmsGrad ? 3 : 2;

    internal override OptimizerState CreateState() => new FusedAdamState(Beta1, Beta2, Epsilon, AmsGrad, decoupled: false);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Share(Beta1, "Adam's beta1", violations);
        Share(Beta2, "Adam's beta2", violations);
        Positive(Epsilon, "Adam's epsilon", violations);
    }
}

/// <summary>Adam and AdamW through libtorch's fused kernels: one call for all weights of a group, gradients divided on the way.</summary>
internal sealed class FusedAdamState(double beta1, double beta2, double epsilon, bool amsGrad, bool decoupled) : OptimizerState
{
    public override void Step(IReadOnlyList<Weight> weights, Tensor[] gradients, UpdateSettings settings)
    {
        int count = weights.Count;
        var values = new Tensor[count];
        Tensor[] first = new Tensor[count], second = new Tensor[count], steps = new Tensor[count], highest = amsGrad ? new Tensor[count] : [];
        for (int i = 0; i < count; i++)
        {
            Tensor value = values[i] = weights[i].Value;
            WeightMoments moments = MomentsOf(weights[i]);
            first[i] = moments.Get("first", () => zeros_like(value, requires_grad: false));
            second[i] = moments.Get("second", () => zeros_like(value, requires_grad: false));
            steps[i] = moments.Get("step", () => zeros([], ScalarType.Float32, value.device));
            if (amsGrad) highest[i] = moments.Get("highest", () => zeros_like(value, requires_grad: false));
        }
        var lists = new AdamLists(values, gradients, first, second, highest, steps);
        var adam = new AdamSettings(settings.Rate, beta1, beta2, settings.Decay, epsilon, amsGrad);
        Tensor? divisor = settings.GradientDivisor == 1 || count == 0 ? null : tensor((float)settings.GradientDivisor, ScalarType.Float32, values[0].device);
        if (decoupled) Kernels.AdamW(lists, adam, divisor);
        else Kernels.Adam(lists, adam, divisor);
    }
}
