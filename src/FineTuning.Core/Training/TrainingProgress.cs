using FineTuning.Metrics;

namespace FineTuning.Training;

/// <summary>What a run is doing.</summary>
public enum TrainingPhase
{
    /// <summary>Examples become tokens.</summary>
    Encoding,

    /// <summary>Weights are updated.</summary>
    Training,

    /// <summary>The validation data is evaluated.</summary>
    Evaluating,

    /// <summary>The run has ended.</summary>
    Finished,
}

/// <summary>How far a run is: raised after every step, for progress bars.</summary>
/// <param name="Phase">What the run is doing.</param>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="TotalSteps">Optimizer steps of the whole run.</param>
/// <param name="Epoch">Epochs done, as a fraction.</param>
/// <param name="Loss">The mean loss of the step; NaN before the first.</param>
/// <param name="LearningRate">The rate of the step.</param>
/// <param name="TokensPerSecond">Real tokens trained on a second, since the start.</param>
/// <param name="Elapsed">Time since the run began.</param>
/// <param name="Remaining">An estimate of the time left; null where nothing is known yet.</param>
/// <param name="ExamplesEncoded">While encoding: examples done.</param>
public sealed record TrainingProgress(
    TrainingPhase Phase, long Step, long TotalSteps, double Epoch, double Loss, double LearningRate, double TokensPerSecond, TimeSpan Elapsed, TimeSpan? Remaining, long ExamplesEncoded = 0);

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
}
