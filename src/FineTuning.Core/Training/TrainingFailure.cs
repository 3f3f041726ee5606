namespace FineTuning.Training;

/// <summary>What a run had come to when an exception ended it. The exception is the one that was thrown: of a callback, a loss, the library.</summary>
/// <remarks>Immutable. The model has the best weights that were seen, or the last.</remarks>
/// <param name="Step">The optimizer step in which it happened, counted from 1.</param>
/// <param name="Partial">History, evaluations and warnings so far, with <see cref="StopReason.Failed"/> as the reason.</param>
/// <param name="Checkpoint">The folder of the newest checkpoint; null: none was written.</param>
public sealed record TrainingFailure(long Step, TrainingResult Partial, string? Checkpoint)
{
    private const string Key = "FineTuning.Failure";

    /// <summary>What the run had come to that ended with the exception. Null: no run did, or it had not begun its first step.</summary>
    /// <param name="exception">What <c>Train</c> or <c>TrainAsync</c> threw.</param>
    public static TrainingFailure? Of(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.Data[Key] as TrainingFailure ?? (exception.InnerException is { } inner ? Of(inner) : null);
    }

    internal static void Attach(Exception exception, RunRecord record) =>
        exception.Data[Key] = new TrainingFailure(record.Steps + 1, record.Result(StopReason.Failed), record.Checkpoint);
}
