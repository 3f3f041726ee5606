using System.Globalization;

namespace FineTuning.Training;

/// <summary>The sign that a run learned its rows by heart: the curves of training and validation loss part.</summary>
/// <remarks>Immutable. It says nothing where less than two evaluations follow the best.</remarks>
/// <param name="Step">The evaluation with the lowest validation loss.</param>
/// <param name="Epoch">When that was, in epochs.</param>
/// <param name="ValidationLoss">The validation loss then and at the end.</param>
/// <param name="TrainingLoss">The training loss up to then and at the end.</param>
public sealed record Overfitting(long Step, double Epoch, (double Then, double Last) ValidationLoss, (double Then, double Last) TrainingLoss)
{
    // A change of less is noise.
    private const double Relative = 0.05;
    private const int EvaluationsAfter = 2;

    /// <summary>Where the curves part. Null: they do not.</summary>
    /// <param name="evaluations">In their order.</param>
    internal static Overfitting? Find(IReadOnlyList<EvaluationRecord> evaluations)
    {
        EvaluationRecord[] seen = [.. evaluations.Where(entry => double.IsFinite(entry.TrainingLoss) && entry.Metrics.TryGet("loss", out double loss)
            && double.IsFinite(loss))];
        if (seen.Length <= EvaluationsAfter) return null;
        EvaluationRecord lowest = seen.MinBy(entry => entry.Metrics["loss"])!, last = seen[^1];
        if (seen.Length - 1 - Array.IndexOf(seen, lowest) < EvaluationsAfter) return null;
        double then = lowest.Metrics["loss"], now = last.Metrics["loss"];
        bool parts = now > then + (Relative * Math.Abs(then)) && last.TrainingLoss < lowest.TrainingLoss - (Relative * Math.Abs(lowest.TrainingLoss));
        return parts ? new(lowest.Step, lowest.Epoch, (then, now), (lowest.TrainingLoss, last.TrainingLoss)) : null;
    }

    /// <summary>What was seen, and what of the recipe could be tried.</summary>
    internal string Describe(TrainingOptions recipe)
    {
        string[] all =
        [
            recipe.EarlyStopping is null ? "StopEarly" : "", recipe.Features.Any(feature => feature is Augmenting or StateMixup) ? "" : "WithAugmentation",
            recipe.Features.Any(feature => feature is DropoutConsistency) ? "" : "WithDropoutConsistency",
            recipe.Features.Any(feature => feature is WeightAverage or GreedySoup) ? "" : "WithWeightAverage", recipe.Frozen.Rules.Count > 0 ? "" : "Freeze",
        ];
        string[] left = [.. all.Where(verb => verb.Length > 0).Take(3)];
        string tried = left.Length == 0 ? "" : $"{string.Join(", ", left)}, ";
        return string.Create(CultureInfo.InvariantCulture, $"the curves part: since step {Step} (epoch {Epoch:0.##}) the validation loss rose from "
            + $"{ValidationLoss.Then:0.####} to {ValidationLoss.Last:0.####} while the training loss fell from {TrainingLoss.Then:0.####} to "
            + $"{TrainingLoss.Last:0.####}: the run learns its rows by heart; try {tried}fewer epochs, a lower rate, or more data");
    }
}
