using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>Whether hidden states can be kept, and whether that pays.</summary>
internal static class FrozenStateRules
{
    /// <summary>Why they are not. Null: they are.</summary>
    /// <param name="run">The run.</param>
    /// <param name="layers">Which layers do not train.</param>
    /// <param name="options">What the recipe says.</param>
    /// <param name="epoch">The epoch that begins.</param>
    public static string? WhyNot(RunParts run, FrozenLayers layers, FrozenStateOptions options, long epoch) =>
        WhyNever(run, layers) ?? (options.KeepAfterRun || Passes(run, epoch) >= 2 ? null
            : "the data is gone through once before more trains or the run ends");

    /// <summary>Why they cannot be kept, however long the run is.</summary>
    public static string? WhyNever(RunParts run, FrozenLayers layers)
    {
        if (run.Model.WhyInputsChange is { } reason) return reason;
        if (run.Options.Features.FirstOrDefault(feature => feature.ChangesInputs) is { } feature)
            return $"{feature.GetType().Name} changes in every step what the lowest layer reads";
        return run.Model.WhyStatesDiffer(layers);
    }

    // How often the data is gone through before the border moves.
    private static double Passes(RunParts run, long epoch)
    {
        TrainingOptions options = run.Options;
        double all = run.Record.Length.TotalSteps / (double)run.Record.Length.StepsInAnEpoch;
        if (options.UnfreezeEvery is not { } every) return all;
        // Below the lowest weight that the recipe leaves to train the border does not go.
        int head = run.Model.Weights.HeadDepth;
        long floor = run.Trained.Min(weight => weight.Depth), lastStage = Math.Max(0, head - floor);
        long stage = Math.Min(lastStage, epoch / every);
        return Math.Min(all, stage == lastStage ? long.MaxValue : (stage + 1) * every) - (stage * every);
    }
}
