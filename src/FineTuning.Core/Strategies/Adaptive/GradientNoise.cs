using System.Text.Json.Serialization;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>
/// Compares the gradients of the first steps of a run with their mean: what differs is noise. The rate of these steps should be next to nothing.
/// </summary>
/// <param name="Steps">How many, 2 or more.</param>
internal sealed record GradientNoise(int Steps) : RunFeature
{
    /// <summary>Where the result goes; no part of the recipe.</summary>
    [JsonIgnore]
    public NoiseReading? Found { get; init; }

    public bool Equals(GradientNoise? other) => other is not null && Steps == other.Steps;

    public override int GetHashCode() => Steps;

    internal override LoopFeature Start() => new Reading(Steps, Found);

    /// <summary>
    /// The simple noise scale tr(S) / |G|^2 in rows, from the squared norms of gradients of few rows and of their mean (McCandlish et al. 2018, equations A.2
    /// and A.3).
    /// </summary>
    /// <param name="small">The mean squared norm of the mean gradient of a batch.</param>
    /// <param name="whole">The squared norm of the mean gradient of all batches.</param>
    /// <param name="rows">Rows of a batch.</param>
    /// <param name="batches">How many batches, 2 or more.</param>
    /// <returns>Infinite where nothing but noise is seen; NaN where there is no gradient.</returns>
    public static double Scale(double small, double whole, double rows, int batches)
    {
        double all = rows * batches;
        double signal = ((all * whole) - (rows * small)) / (all - rows), noise = (small - whole) / ((1 / rows) - (1 / all));
        if (!(small > 0) || !double.IsFinite(small)) return double.NaN;
        return signal <= 0 ? double.PositiveInfinity : Math.Max(0, noise / signal);
    }

    private sealed class Reading(int steps, NoiseReading? found) : LoopFeature
    {
        private Tensor[]? _sums;
        private double _squares, _rows;
        private int _count;

        public override void BeginWindow(RunParts run, IReadOnlyList<IReadOnlyList<EncodedRow>> batches)
        {
            if (_count < steps) _rows += batches.Sum(batch => batch.Count);
        }

        public override void AfterGradients(RunParts run, double targetCount)
        {
            if (_count == steps) return;
            using var scope = NewDisposeScope();
            using var none = no_grad();
            _sums ??= [.. run.Trained.Select(weight => zeros_like(weight.Value).DetachFromDisposeScope())];
            for (int i = 0; i < _sums.Length; i++)
            {
                if (run.Trained[i].Value.grad is { } gradient) _sums[i].add_(gradient, Held(1 / targetCount));
            }
            double norm = run.Gradients.Norm(targetCount);
            _squares += norm * norm;
            if (++_count < steps) return;
            double whole = Kernels.Norm(_sums).Number() / _count;
            if (found is not null) found.Scale = Scale(_squares / _count, whole * whole, _rows / _count, _count);
        }

        public override void Dispose()
        {
            foreach (Tensor sum in _sums ?? []) sum.Dispose();
            base.Dispose();
        }
    }
}

/// <summary>What was read of the noise.</summary>
internal sealed class NoiseReading
{
    /// <summary>In rows; NaN: nothing yet.</summary>
    public double Scale { get; set; } = double.NaN;
}
