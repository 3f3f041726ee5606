using System.Globalization;
using FineTuning.Heads;
using FineTuning.Training.Reports;

namespace FineTuning.Training;

/// <summary>What a range test found: the loss at each rate. A section of a training report.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class LearningRateCurve : IReportSection
{
    internal LearningRateCurve(IReadOnlyList<LearningRatePoint> points)
    {
        Points = points;
        // The first tenth is noise: the smoothed loss has seen too little.
        int first = Math.Min(points.Count / 10, Math.Max(0, points.Count - 2)), lowest = first, steepest = first;
        double fall = 0;
        for (int i = first; i < points.Count; i++)
        {
            if (points[i].SmoothedLoss < points[lowest].SmoothedLoss) lowest = i;
            if (i == first) continue;
            double slope = (points[i].SmoothedLoss - points[i - 1].SmoothedLoss) / Math.Log(points[i].LearningRate / points[i - 1].LearningRate);
            if (slope < fall) (fall, steepest) = (slope, i);
        }
        if (points.Count == 0) return;
        (Lowest, Steepest) = (points[lowest].LearningRate, points[steepest].LearningRate);
    }

    /// <summary>The steps of the test, in their order; empty where the first step already had no finite loss.</summary>
    public IReadOnlyList<LearningRatePoint> Points { get; }

    /// <summary>The rate with the lowest smoothed loss; NaN without points. Training at it is at the edge of growing losses.</summary>
    public double Lowest { get; } = double.NaN;

    /// <summary>The rate at which the smoothed loss falls fastest by the logarithm of the rate; NaN without points.</summary>
    public double Steepest { get; } = double.NaN;

    /// <summary>A rate to try: a tenth of <see cref="Lowest"/>. A rule of thumb; search around it.</summary>
    public double Suggested => Lowest / 10;

    /// <inheritdoc/>
    public string Title => "Learning rates";

    /// <inheritdoc/>
    public string ToFragment() => $"<p>{ToString()}</p>" + SvgChart.Of(
        [
            new("loss", [.. Points.Select(point => (Math.Log10(point.LearningRate), point.Loss))]),
            new("smoothed", [.. Points.Select(point => (Math.Log10(point.LearningRate), point.SmoothedLoss))]),
        ], "log10 of the learning rate", double.IsFinite(Suggested) ? Math.Log10(Suggested) : null);

    /// <inheritdoc/>
    public override string ToString() => Points.Count == 0 ? "the loss was not finite at the lowest rate: begin lower"
        : string.Create(CultureInfo.InvariantCulture,
            $"try a rate of {Suggested:0.#e+0}: the loss is lowest at {Lowest:0.#e+0} and falls fastest at {Steepest:0.#e+0} "
            + $"({Points.Count} steps up to {Points[^1].LearningRate:0.#e+0})");
}

/// <summary>A step of a range test.</summary>
/// <param name="LearningRate">Its rate.</param>
/// <param name="Loss">The mean loss of its batch, before the step.</param>
/// <param name="SmoothedLoss">The exponential mean of the losses so far, without the bias of its beginning.</param>
public readonly record struct LearningRatePoint(double LearningRate, double Loss, double SmoothedLoss);
