namespace FineTuning.Tests.Training;

/// <summary>Time that passes when a test says so: what is slow takes no time to test.</summary>
internal sealed class SlowTime : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public void Pass(double milliseconds) => Interlocked.Add(ref _ticks, (long)(milliseconds * TimeSpan.TicksPerMillisecond));
}
