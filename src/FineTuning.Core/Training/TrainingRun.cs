using System.Diagnostics;
using FineTuning.Batching;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>One run from records to a tuned model: encodes the data, then hands it to the loop.</summary>
/// <param name="Model">Tuned in place.</param>
/// <param name="Options">Valid.</param>
/// <param name="Observer">Told what happens.</param>
internal sealed record TrainingRun<TExample>(TunableModel<TExample> Model, TrainingOptions Options, RunObserver Observer)
{
    private const string ThreadName = "FineTuning.Core run";

    /// <summary>What the training data is called in messages.</summary>
    public string DataName { get; init; } = "training data";

    /// <summary>Data to evaluate on; null: there is none.</summary>
    public IEnumerable<TExample>? Validation { get; init; }

    /// <summary>Runs on a thread of its own and waits for it.</summary>
    public TrainingResult Train(IEnumerable<TExample> data, CancellationToken cancellation) => DedicatedThread.Run(ThreadName, () => Run(data, cancellation));

    /// <summary>Runs on a thread of its own.</summary>
    public Task<TrainingResult> TrainAsync(IEnumerable<TExample> data, CancellationToken cancellation) => DedicatedThread.Start(ThreadName, () => Run(data, cancellation));

    private TrainingResult Run(IEnumerable<TExample> data, CancellationToken cancellation)
    {
        // What reading takes is part of the run's time.
        var clock = Stopwatch.StartNew();
        bool IsTimeUp() => Options.TimeLimit is { } limit && clock.Elapsed >= limit;
        RowSet train = RowSet.Encode(Model, data, DataName, Encoding, cancellation, Options.RowsOfAllSteps, IsTimeUp);
        RowSet? validation = Validation is null || IsTimeUp() ? null : RowSet.Encode(Model, Validation, "validation data", null, cancellation, null, IsTimeUp);
        return new TrainingLoop(Model, train, validation, Options, Observer, cancellation, clock).Run();
    }

    private void Encoding(long count) => Observer.Progress?.Invoke(new TrainingProgress { Phase = TrainingPhase.Encoding, ExamplesEncoded = count });
}
