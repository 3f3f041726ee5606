namespace FineTuning.Text;

/// <summary>A clock that stands at the moment at which it was made, so that several renderings see one time.</summary>
internal sealed class StoppedClock(DateTimeOffset time, TimeZoneInfo zone) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone { get; } = zone;

    public override DateTimeOffset GetUtcNow() => time;

    public static TimeProvider Of(TimeProvider? clock) => new StoppedClock((clock ?? System).GetUtcNow(), (clock ?? System).LocalTimeZone);
}
