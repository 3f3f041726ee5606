using System.Text.Json.Serialization;
using FineTuning.Models;
using FineTuning.Tensors;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Adafactor; see <see cref="Optimizer.Adafactor"/>.</summary>
public sealed record AdafactorOptimizer : Optimizer
{
    [JsonConstructor]
    internal AdafactorOptimizer(double learningRate, double weightDecay, bool relativeStep, bool scaleByWeight)
        : base(learningRate, weightDecay) => (RelativeStep, ScaleByWeight) = (relativeStep, scaleByWeight);

    /// <summary>Whether the rate is 1 / sqrt(step), at most 0.01, times <see cref="Optimizer.LearningRate"/> and the schedule's factor.</summary>
    public bool RelativeStep { get; init; }

    /// <summary>Whether the rate is multiplied by the root mean square of the weight.</summary>
    public bool ScaleByWeight { get; init; }

    internal override OptimizerState CreateState() => new State(this);

    internal override long MomentCount(Weight weight) => weight.Value.dim() < 2 ? weight.Value.numel()
        : weight.Parts.Sum(part => (part.Length * weight.Value.numel() / weight.Value.shape[0] / weight.Value.shape[^1])
            + (weight.Value.numel() / weight.Value.shape[0]));

    private sealed class State(AdafactorOptimizer settings) : WeightwiseState
    {
        private const double GradientFloor = 1e-30;
        private const double WeightFloor = 1e-3;

        // Stacked matrices (query, key, value) are factored one by one, as they stand in the checkpoint.
        protected override void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay)
        {
            for (int i = 0; i < weight.Parts.Count; i++)
            {
                WeightPart part = weight.Parts[i];
                bool whole = weight.Parts.Count == 1;
                UpdatePart(
                    whole ? weight.Value : weight.Value.narrow(0, part.Start, part.Length),
                    whole ? gradient : gradient.narrow(0, part.Start, part.Length), moments, i, rate, decay);
            }
        }

        private void UpdatePart(Tensor value, Tensor gradient, WeightMoments moments, int part, double rate, double decay)
        {
            double step = moments.Step;
            double size = settings.RelativeStep ? rate * Math.Min(1e-2, 1 / Math.Sqrt(step)) : rate;
            if (settings.ScaleByWeight) size *= Math.Max(WeightFloor, RootMeanSquare(value));
            double kept = 1 - Math.Pow(step, -0.8);
            Tensor square = gradient.Squared().PlusInPlace(GradientFloor);
            Tensor update;
            if (value.dim() >= 2)
            {
                Tensor rows = moments.Get($"rows.{part}", () => zeros_like(square.mean([-1])));
                Tensor columns = moments.Get($"columns.{part}", () => zeros_like(square.mean([-2])));
                rows.mul_(Held(kept)).add_(square.mean([-1]), Held(1 - kept));
                columns.mul_(Held(kept)).add_(square.mean([-2]), Held(1 - kept));
                Tensor rowFactor = (rows / rows.mean([-1], keepdim: true)).rsqrt_().unsqueeze(-1);
                update = rowFactor * columns.unsqueeze(-2).rsqrt() * gradient;
            }
            else
            {
                Tensor second = moments.Get($"second.{part}", () => zeros_like(square));
                second.mul_(Held(kept)).add_(square, Held(1 - kept));
                update = second.rsqrt().mul_(gradient);
            }
            update.mul_(Held(size / Math.Max(1, RootMeanSquare(update))));
            if (decay != 0) value.mul_(Held(1 - (decay * size)));
            value.sub_(update);
        }

        private static double RootMeanSquare(Tensor tensor) => tensor.norm().item<float>() / Math.Sqrt(tensor.numel());
    }
}
