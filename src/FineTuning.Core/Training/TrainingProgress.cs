using FineTuning.Metrics;

namespace FineTuning.Training;

/// <summary>What a run is doing.</summary>
public enum TrainingPhase
{
    /// <summary>Examples become tokens.</summary>
    Encoding,

    /// <summary>Hidden states of layers that do not train are computed, to be kept.</summary>
    KeepingStates,

    /// <summary>Weights are updated.</summary>
    Training,

    /// <summary>The validation data is evaluated.</summary>
    Evaluating,

    /// <summary>The run has ended.</summary>
    Finished,
}

/// <summary>How far a run is, for progress bars: raised after every step, and within what takes long besides.</summary>
/// <remarks>Immutable.</remarks>
public sealed class TrainingProgress
{
    /// <summary>What the run is doing.</summary>
    public TrainingPhase Phase { get; init; }

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; init; }

    /// <summary>Optimizer steps of the whole run.</summary>
    public long TotalSteps { get; init; }

    /// <summary>Epochs done, as a fraction.</summary>
    public double Epoch { get; init; }

    /// <summary>The mean loss of the step; NaN before the first.</summary>
    public double Loss { get; init; } = double.NaN;

    /// <summary>The rate of the step.</summary>
    public double LearningRate { get; init; }

    /// <summary>Real tokens trained on since the start, also before a run was resumed.</summary>
    public long Tokens { get; init; }

    /// <summary>Real tokens trained on a second, since the start.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Time since the run began.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>An estimate of the time left; null where nothing is known yet.</summary>
    public TimeSpan? Remaining { get; init; }

    /// <summary>While encoding: examples done.</summary>
    public long ExamplesEncoded { get; init; }

    /// <summary>While states are kept: rows whose states are computed.</summary>
    public int RowsKept { get; init; }

    /// <summary>While states are kept: rows of training and validation in all.</summary>
    public int RowsToKeep { get; init; }

    /// <summary>While evaluating: texts that the model has written.</summary>
    public int TextsWritten { get; init; }

    /// <summary>While evaluating: texts that it writes in all; 0 where it writes none.</summary>
    public int TextsToWrite { get; init; }
}

/// <summary>One optimizer step of a run's history.</summary>
/// <param name="Step">From 1.</param>
/// <param name="Epoch">Epochs done after it, as a fraction.</param>
/// <param name="Loss">The sum of the window's losses over the count of its targets.</param>
/// <param name="LearningRate">The rate with which it was done.</param>
/// <param name="GradientNorm">The 2-norm of all gradients before clipping.</param>
public readonly record struct StepRecord(long Step, double Epoch, double Loss, double LearningRate, double GradientNorm);

/// <summary>One evaluation of the validation data.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Epoch">Epochs done, as a fraction.</param>
/// <param name="TrainingLoss">The mean loss of the steps since the evaluation before.</param>
/// <param name="Metrics">What was measured.</param>
/// <param name="IsBest">Whether it was the best so far.</param>
public sealed record EvaluationRecord(long Step, double Epoch, double TrainingLoss, MetricReport Metrics, bool IsBest);

/// <summary>Why a run ended.</summary>
public enum StopReason
{
    /// <summary>All epochs or steps are done.</summary>
    Completed,

    /// <summary>The metric did not get better.</summary>
    StoppedEarly,

    /// <summary>The time was up.</summary>
    TimeLimit,

    /// <summary>The caller cancelled.</summary>
    Cancelled,

    /// <summary>An exception ended it; see <see cref="TrainingFailure"/>.</summary>
    Failed,
}
