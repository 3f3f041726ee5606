using System.Diagnostics;
using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>One run from records to a tuned model: takes the model for itself, encodes the data, then hands it to the loop.</summary>
/// <param name="Model">Tuned in place.</param>
/// <param name="Options">Valid.</param>
/// <param name="Observer">Told what happens.</param>
internal sealed record TrainingRun<TExample>(TunableModel<TExample> Model, TrainingOptions Options, RunObserver Observer)
{
    private const string ThreadName = "FineTuning.Core run";

    /// <summary>What the training data is called in messages.</summary>
    public string DataName { get; init; } = "training data";

    /// <summary>Data to evaluate on. Null: there is none.</summary>
    public IEnumerable<TExample>? Validation { get; init; }

    /// <summary>Runs on a thread of its own and waits for it.</summary>
    public TrainingResult Train(IEnumerable<TExample> data, CancellationToken cancellation)
    {
        RunPass pass = RunPass.Register(Model.Weights);
        return DedicatedThread.Run(ThreadName, () => Run(data, pass, cancellation));
    }

    /// <summary>Runs on a thread of its own.</summary>
    public Task<TrainingResult> TrainAsync(IEnumerable<TExample> data, CancellationToken cancellation)
    {
        RunPass pass = RunPass.Register(Model.Weights);
        return DedicatedThread.Start(ThreadName, () => Run(data, pass, cancellation));
    }

    /// <summary>Measures what a run would take, on a thread of its own, and waits for it.</summary>
    public MemoryEstimate Estimate(IEnumerable<TExample> data, CancellationToken cancellation)
    {
        RunPass pass = RunPass.Register(Model.Weights);
        return DedicatedThread.Run(ThreadName, () => Taken(data, pass, (train, validation, stop) =>
            new MemoryForecast(Model, train, validation, Options, stop).Make(), cancellation));
    }

    private TrainingResult Run(IEnumerable<TExample> data, RunPass pass, CancellationToken cancellation)
    {
        // What reading takes is part of the run's time.
        var clock = Stopwatch.StartNew();
        return Taken(data, pass, (train, validation, stop) =>
            new TrainingLoop(Model, train, validation, Options, Observer, stop, clock).Run(), cancellation);
    }

    // Encodes the data and takes the weights for this thread.
    private T Taken<T>(IEnumerable<TExample> data, RunPass pass, Func<RowSet, RowSet?, CancellationToken, T> use, CancellationToken cancellation)
    {
        using RunPass own = pass;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, pass.Stop);
        var clock = Stopwatch.StartNew();
        bool IsTimeUp() => Options.TimeLimit is { } limit && clock.Elapsed >= limit;
        RowSet train = RowSet.Encode(Model, data, DataName, Encoding, stop.Token, Options.RowsOfAllSteps, IsTimeUp);
        RowSet? validation = Validation is null || IsTimeUp() ? null
            : RowSet.Encode(Model, Validation, "validation data", null, stop.Token, null, IsTimeUp, evaluates: true);
        // Until here predictions go on: only now are weights written.
        pass.Begin(Model.Weights.Where(weight => weight.CanTrain && !Options.Frozen.Matches(weight, Model.Weights.HeadDepth)), stop.Token);
        Model.Precompute([.. train.Rows, .. validation?.Rows ?? []], stop.Token);
        return use(train, validation, stop.Token);
    }

    private void Encoding(long count) => Observer.Progress?.Invoke(new TrainingProgress { Phase = TrainingPhase.Encoding, ExamplesEncoded = count });
}
