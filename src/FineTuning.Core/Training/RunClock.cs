namespace FineTuning.Training;

/// <summary>The time of a run, from reading its data on.</summary>
/// <param name="time">Where time comes from.</param>
/// <param name="limit">When the run is to end. Null: never for its time.</param>
internal sealed class RunClock(TimeProvider time, TimeSpan? limit)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>The time since the run began.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>Whether the run's time is up.</summary>
    public bool IsUp() => limit is { } most && Elapsed >= most;
}
