namespace FineTuning.Training;

/// <summary>What a run had come to when an exception ended it. The exception is the one that was thrown: of a callback, a loss, the library.</summary>
/// <remarks>Immutable. The model has the best weights that were seen, or the last.</remarks>
public sealed class TrainingFailure
{
    private const string Key = "FineTuning.Failure";

    private TrainingFailure(long step, TrainingResult partial) => (Step, Partial) = (step, partial);

    /// <summary>The optimizer step in which it happened, counted from 1.</summary>
    public long Step { get; }

    /// <summary>History, evaluations, warnings and the newest checkpoint so far, with <see cref="StopReason.Failed"/> as the reason.</summary>
    public TrainingResult Partial { get; }

    /// <summary>What the run had come to that ended with the exception. Null: no run did, or it had not begun its first step.</summary>
    /// <param name="exception">What <c>Train</c> or <c>TrainAsync</c> threw.</param>
    public static TrainingFailure? Of(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.Data[Key] as TrainingFailure ?? (exception.InnerException is { } inner ? Of(inner) : null);
    }

    internal static void Attach(Exception exception, RunRecord record) =>
        exception.Data[Key] = new TrainingFailure(record.Steps + 1, record.Result(StopReason.Failed));
}
