using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>Changes what of a recipe decides its memory, and nothing of what is learned.</summary>
internal static class RecipeFitting
{
    /// <summary>The recipe within a budget: smaller micro-batches and more of them, which costs least; then gradient checkpointing.</summary>
    /// <exception cref="InvalidOptionsException">Not even one row fits.</exception>
    public static TrainingOptions Into(TrainingOptions options, MemoryEstimate estimate, long bytes)
    {
        if (estimate.Fits(bytes)) return options;
        foreach (bool again in new[] { false, true })
        {
            int most = estimate.LargestBatch(bytes, again);
            if (most == 0) continue;
            TrainingOptions fitted = WithRows(options, estimate, most);
            return again ? fitted with { GradientCheckpointing = new WeightFilter().Layers(..) } : fitted;
        }
        long least = estimate.Fixed + Math.Max(estimate.Recomputed.Of(1), estimate.Evaluation);
        throw new InvalidOptionsException([$"the run does not fit into {bytes >> 20} MB: with one row a micro-batch and gradient checkpointing it takes "
            + $"{least >> 20} MB ({estimate}); shorten the texts, freeze more, or train an adapter"]);
    }

    // The same rows a step: micro-batches of the largest size that divides it.
    private static TrainingOptions WithRows(TrainingOptions options, MemoryEstimate estimate, int most)
    {
        if (options.TokenBudget is { } budget)
        {
            int parts = (estimate.Rows + most - 1) / most;
            return options with { TokenBudget = Math.Max(1, budget / parts), Accumulation = checked(options.Accumulation * parts) };
        }
        int whole = checked(options.BatchSize * options.Accumulation), rows = Math.Min(most, options.BatchSize);
        while (whole % rows != 0) rows--;
        return options with { BatchSize = rows, Accumulation = whole / rows };
    }
}
