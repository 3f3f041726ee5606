using FineTuning.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace FineTuning.Training;

/// <summary>Who is told what happens in a run. Callbacks are called on the run's thread; what they throw ends the run.</summary>
internal sealed record RunObserver
{
    /// <summary>Raised after every step, during encoding and around evaluations.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Raised after every evaluation.</summary>
    public Action<EvaluationRecord>? Evaluated { get; init; }

    /// <summary>Raised after every checkpoint, written or failed.</summary>
    public Action<CheckpointReport>? Checkpoint { get; init; }

    /// <summary>Where the run's time comes from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Told what a log should hold.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    public void Step(TrainingProgress progress, StepRecord step, long tokens, TimeSpan duration)
    {
        TrainingMeters.Step(step.Loss, tokens, duration);
        TrainingLog.Step(Logger, step.Step, step.Loss, step.LearningRate, step.GradientNorm);
        Progress?.Invoke(progress);
    }
}
