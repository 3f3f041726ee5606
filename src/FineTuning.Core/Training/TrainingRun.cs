using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>One run from records to a tuned model: takes the model for itself, encodes the data, then hands it to the loop.</summary>
/// <param name="Model">Tuned in place.</param>
/// <param name="Options">Valid.</param>
/// <param name="Observer">Told what happens.</param>
/// <param name="Read">Reads the data, on the run's thread; validation data of null: there is none.</param>
internal sealed record TrainingRun(TunableModel Model, TrainingOptions Options, RunObserver Observer, Func<RunData, (RowSet Train, RowSet? Validation)> Read)
{
    private const string ThreadName = "FineTuning.Core run";

    /// <summary>Runs on a thread of its own and waits for it.</summary>
    public TrainingResult Train(CancellationToken cancellation) => Run(Learn, cancellation);

    /// <summary>Runs on a thread of its own.</summary>
    public Task<TrainingResult> TrainAsync(CancellationToken cancellation) => Start(Learn, cancellation);

    /// <summary>Measures what a run would take, on a thread of its own, and waits for it.</summary>
    public MemoryEstimate Estimate(CancellationToken cancellation) =>
        Run(taken => new MemoryForecast(Model, taken.Train, taken.Validation, Options, taken.Stop).Make(), cancellation);

    /// <summary>Encodes the data, takes the weights and uses both, on a thread of its own, and waits for it.</summary>
    public T Run<T>(Func<TakenRun, T> use, CancellationToken cancellation)
    {
        RunPass pass = Register();
        return DedicatedThread.Run(ThreadName, () => Take(pass, use, cancellation));
    }

    /// <summary>The same without waiting.</summary>
    public Task<T> Start<T>(Func<TakenRun, T> use, CancellationToken cancellation)
    {
        RunPass pass = Register();
        return DedicatedThread.Start(ThreadName, () => Take(pass, use, cancellation));
    }

    /// <summary>The loop over what was taken.</summary>
    public TrainingResult Learn(TakenRun taken) =>
        new TrainingLoop(Model, taken.Train, taken.Validation, Options, Observer, taken.Stop, taken.Clock).Run();

    private RunPass Register()
    {
        Model.Weights.ThrowIfClosed();
        foreach (RunFeature feature in Options.Features) feature.Prepare(Model);
        return RunPass.Register(Model.Weights);
    }

    private T Take<T>(RunPass pass, Func<TakenRun, T> use, CancellationToken cancellation)
    {
        using RunPass own = pass;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, pass.Stop);
        // What reading takes is part of the run's time.
        var clock = new RunClock(Observer.Time, Options.TimeLimit);
        using var data = new RunData(Observer, clock, stop.Token) { Keeping = RowKeeping.Of(Options) };
        (RowSet train, RowSet? validation) = Read(data);
        // Until here predictions go on: only now are weights written.
        pass.Begin(Model.Weights.Where(weight => Model.SwitchesTheTrunk
            || (weight.CanTrain && !Options.Frozen.Matches(weight, Model.Weights.HeadDepth))), stop.Token);
        Model.Precompute(new JoinedRows(train.Rows, validation?.Rows ?? []), stop.Token);
        return use(new(train, validation, clock, stop.Token));
    }
}

/// <summary>What a run has once it has taken the weights for its thread.</summary>
/// <param name="Train">Rows to learn from.</param>
/// <param name="Validation">Rows to evaluate on. Null: there are none.</param>
/// <param name="Clock">The run's time.</param>
/// <param name="Stop">Cancelled where the run is to end.</param>
internal sealed record TakenRun(RowSet Train, RowSet? Validation, RunClock Clock, CancellationToken Stop);
