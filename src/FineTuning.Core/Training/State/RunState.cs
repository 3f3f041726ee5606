using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// All that a run carries from one step to the next, as a value: what continues from it ends with the same bits as a run that was never interrupted.
/// </summary>
/// <remarks>
/// Refers to weights by their names and to no object of the run that made it. Frozen weights are not in it: they are those of the model that it is given to.
/// Immutable. The caller that exported it disposes it, which frees the tensors.
/// </remarks>
internal sealed record RunState : IDisposable
{
    private const string WeightPath = "weights/";

    /// <summary>The recipe of the run.</summary>
    public required TrainingOptions Recipe { get; init; }

    /// <summary>Steps of an epoch and of the whole run: what data and recipe must give again. The position in the epoch follows from them.</summary>
    public required RunLength Length { get; init; }

    /// <summary>Steps, tokens and times so far.</summary>
    public required RunCounters Counters { get; init; }

    /// <summary>The history so far, thinned.</summary>
    public required HistoryValues History { get; init; }

    /// <summary>The evaluations so far.</summary>
    public required IReadOnlyList<EvaluationRecord> Evaluations { get; init; }

    /// <summary>What the user should know, so far.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What choosing the best evaluation and stopping early know.</summary>
    public required SelectionValues Selection { get; init; }

    /// <summary>What a plateau schedule knows; null for any other schedule.</summary>
    public required PlateauValues? Plateau { get; init; }

    /// <summary>Tensors by name, on the CPU: weights/NAME, best/NAME, optimizer/NAME/MOMENT, what the model computed before the run, and those of
    /// features.</summary>
    public required IReadOnlyDictionary<string, Tensor> Tensors { get; init; }

    /// <summary>Numbers by name: optimizer/NAME/step and those of features.</summary>
    public required IReadOnlyDictionary<string, double> Numbers { get; init; }

    /// <summary>The names of the weights that have trained.</summary>
    public IEnumerable<string> TrainedNames =>
        Tensors.Keys.Where(name => name.StartsWith(WeightPath, StringComparison.Ordinal)).Select(name => name[WeightPath.Length..]);

    public void Dispose()
    {
        foreach (Tensor tensor in Tensors.Values) tensor.Dispose();
    }
}

/// <summary>How long a run is.</summary>
/// <param name="StepsInAnEpoch">Optimizer steps of an epoch.</param>
/// <param name="TotalSteps">Optimizer steps of the run.</param>
internal readonly record struct RunLength(long StepsInAnEpoch, long TotalSteps);

/// <summary>What is counted during a run.</summary>
internal sealed record RunCounters
{
    /// <summary>Optimizer steps done.</summary>
    public long Steps { get; init; }

    /// <summary>Steps that had no targets.</summary>
    public long EmptySteps { get; init; }

    /// <summary>Real tokens trained on.</summary>
    public long Tokens { get; init; }

    /// <summary>Tokens computed, padding included.</summary>
    public long ComputedTokens { get; init; }

    /// <summary>Steps at the last evaluation; -1: there was none.</summary>
    public long StepsAtEvaluation { get; init; } = -1;

    /// <summary>The sum of the mean losses of the steps since then.</summary>
    public double LossSinceEvaluation { get; init; }

    /// <summary>How many steps that were.</summary>
    public long StepsSinceEvaluation { get; init; }

    /// <summary>What is known of the losses, to tell where one leaps.</summary>
    public LossLeaps Leaps { get; init; }

    /// <summary>The time of the run.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>The time in training steps.</summary>
    public TimeSpan Training { get; init; }
}
