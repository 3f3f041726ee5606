using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace FineTuning.Extensions.Hosting;

/// <summary>The meter and the traces of one served model; names and units follow OpenTelemetry's conventions.</summary>
internal sealed class Telemetry : IDisposable
{
    public const string Name = "FineTuning.Extensions.Hosting";

    // Sources are never taken away: listeners find them by name.
    private static readonly ActivitySource Source = new(Name);

    private readonly KeyValuePair<string, object?> _model;
    private readonly Meter? _own;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _swaps;
    private readonly Histogram<double> _durations;
    private readonly Histogram<double> _waits;
    private readonly Histogram<long> _batches;

    public Telemetry(string model, IMeterFactory? factory, Func<int> queueLength)
    {
        _model = new("finetuning.model", model);
        Meter meter = factory?.Create(new MeterOptions(Name)) ?? (_own = new Meter(Name));
        _requests = meter.CreateCounter<long>("finetuning.prediction.requests", "{request}", "Requests that ended.");
        _durations = meter.CreateHistogram<double>("finetuning.prediction.duration", "s", "The time from a request to its answer.");
        _waits = meter.CreateHistogram<double>("finetuning.prediction.queue.duration", "s", "The time that a request waited to be computed.");
        _batches = meter.CreateHistogram<long>("finetuning.prediction.batch.size", "{request}", "Requests that were computed together.");
        _swaps = meter.CreateCounter<long>("finetuning.model.swaps", "{swap}", "Models that took another's place.");
        meter.CreateObservableUpDownCounter("finetuning.prediction.queue.length", () =>
            new Measurement<int>(queueLength(), _model), "{request}", "Requests that wait.");
    }

    /// <summary>A request's own trace, below the caller's.</summary>
    public Activity? BeginRequest() => Source.StartActivity($"predict {_model.Value}")?.SetTag(_model.Key, _model.Value);

    /// <summary>The trace of a batch, linked to those of its requests.</summary>
    public Activity? BeginBatch(int size, IEnumerable<ActivityContext> callers)
    {
        _batches.Record(size, _model);
        if (!Source.HasListeners()) return null;
        ActivityLink[] links = [.. callers.Where(caller => caller != default).Select(caller => new ActivityLink(caller))];
        Activity? activity = Source.StartActivity(ActivityKind.Internal, default, [_model], links, name: $"compute {_model.Value}");
        activity?.SetTag("finetuning.batch.size", size);
        return activity;
    }

    public void Waited(TimeSpan time) => _waits.Record(time.TotalSeconds, _model);

    public void Ended(TimeSpan time, Exception? failure)
    {
        KeyValuePair<string, object?> error = new("error.type", failure?.GetType().FullName);
        _durations.Record(time.TotalSeconds, failure is null ? [_model] : [_model, error]);
        _requests.Add(1, failure is null ? [_model] : [_model, error]);
    }

    public void Swapped(Exception? failure) =>
        _swaps.Add(1, failure is null ? [_model] : [_model, new("error.type", failure.GetType().FullName)]);

    public void Dispose() => _own?.Dispose();
}
