using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Estimates the memory of a recipe: weights are counted, passes are measured on a few rows of the largest batch, padded as it is,
/// and on the whole of it where it surely fits. No weight changes.
/// </summary>
/// <remarks>On the thread of a run that has the weights for itself.</remarks>
internal sealed class MemoryForecast(TunableModel model, RowSet train, RowSet? validation, TrainingOptions options, CancellationToken cancellation)
{
    // Looking further ahead costs more than a batch that is larger by a row of tokens.
    private const int EpochsAhead = 8;

    public MemoryEstimate Make()
    {
        // All that trains at some time of the run.
        TrainingOptions thawed = options with { UnfreezeEvery = null };
        var trained = new TrainableWeights(model.Weights);
        var record = new RunRecord(model, train, validation, thawed, new RunObserver());
        using var run = new RunParts(model, thawed, record);
        try
        {
            return Make(run);
        }
        finally
        {
            run.Gradients.Clear();
            trained.Restore();
        }
    }

    private MemoryEstimate Make(RunParts run)
    {
        (long inMemory, long onDisk) = OfFrozenStates();
        run.BeginEpoch(0);
        (PlannedBatch largest, long total) = Largest();
        long gradients = run.Trained.Sum(Bytes), copies = options.Features.Sum(feature => feature.WeightCopies) * gradients;
        // Of a snapshot that is made at the end no batch knows any more.
        if (validation is not null && options.KeepBest && options.EvaluateEvery.Resolve(StepsInAnEpoch()) < total) copies += gradients;
        if (options.Features.OfType<CheckpointSettings>().Any(settings => settings.Folder is not null && settings.Every < total))
            copies += CheckpointSpace.Snapshot(run);
        // What every pass needs once, code and kernels, is there before anything is measured.
        Train(run, largest, 1)();
        BatchMemory plain = OfTraining(run, largest);
        if (validation is not null) Evaluate(1).Pass();
        long evaluation = validation is null ? 0 : OfEvaluation();
        BatchMemory recomputed = run.RecomputeAll() ? OfTraining(run, largest) : plain;
        run.Gradients.Clear();
        ProcessMemory.Trim();
        return new MemoryEstimate(plain, recomputed)
        {
            Present = ProcessMemory.Current, Gradients = gradients, Copies = copies,
            OptimizerState = run.Trained.Sum(weight => options.Optimizer.MomentCount(weight) * weight.Value.element_size()),
            Training = plain.Of(largest.Rows.Length), Evaluation = evaluation, Rows = largest.Rows.Length, Tokens = largest.PaddedLength,
            FrozenStates = inMemory, FrozenStatesOnDisk = onDisk,
        };
    }

    // What a run would keep of layers that do not train: while most of its tokens are kept, where layers are thawed one by one.
    private (long Memory, long Disk) OfFrozenStates()
    {
        if (options.FrozenStates is not { } kept || model.Weights.Trunk is not { } trunk) return default;
        var record = new RunRecord(model, train, validation, options, new RunObserver());
        using var run = new RunParts(model, options, record);
        long steps = StepsInAnEpoch(), stage = options.UnfreezeEvery ?? 0;
        record.Begin(new RunLength(steps, options.Steps ?? (options.Epochs ?? 3) * steps));
        run.BeginEpoch(stage);
        FrozenLayers layers = model.FrozenLayers();
        if (!layers.Any || FrozenStateRules.WhyNot(run, layers, kept, stage) is not null) return default;
        using var states = new KeptStates(kept);
        long bytes = states.Forecast(run), inMemory = Math.Min(bytes, trunk.FrozenStates.Budget.Memory);
        // What does not fit is not kept at all.
        return bytes - inMemory <= kept.Disk ? (inMemory, bytes - inMemory) : default;
    }

    private long StepsInAnEpoch() => (BatchPlan.Count(train.Lengths, options.RulesFor(train.Lengths)) + options.Accumulation - 1) / options.Accumulation;

    // The largest batch of the epochs that are seen, the rehearsed one among them; and the steps of the run.
    private (PlannedBatch Largest, long TotalSteps) Largest()
    {
        BatchRules rules = options.RulesFor(train.Lengths);
        long steps = StepsInAnEpoch();
        long total = options.Steps ?? (options.Epochs ?? 3) * steps;
        PlannedBatch largest = default;
        for (long epoch = 0; epoch < EpochsAhead && epoch * steps < total; epoch++)
        {
            PlannedBatch own = BatchPlan.Of(train.Lengths, rules, options.Seed, epoch).MaxBy(batch => (long)batch.PaddedLength * batch.Rows.Length);
            if (largest.Rows is null || (long)own.PaddedLength * own.Rows.Length > (long)largest.PaddedLength * largest.Rows.Length) largest = own;
        }
        return (largest, total);
    }

    private BatchMemory OfTraining(RunParts run, PlannedBatch largest)
    {
        MemoryLine highest = Line(largest.Rows.Length, count => Measured(run, Train(run, largest, count), Train(run, largest, Before(count))));
        if (!model.KeepsWholeGraph) return new(highest, highest);
        // Gradients of earlier micro-batches are there already when the next begins.
        long earlier = options.Accumulation > 1 ? run.Trained.Sum(Bytes) : 0;
        MemoryLine kept = Line(largest.Rows.Length, count => Measured(run, Forward(run, largest, count), null));
        return new(kept with { Base = kept.Base + earlier }, highest);
    }

    private long OfEvaluation()
    {
        int rows = Evaluate(1).Rows;
        return Line(rows, count => ProcessMemory.Rise(Evaluate(count).Pass)).Of(rows);
    }

    // Few rows say whether the whole batch surely fits. Then it is computed, since what is extended from few magnifies what the allocator does by chance.
    private static MemoryLine Line(int rows, Func<int, long> measure)
    {
        (int few, int more) = rows == 1 ? (1, 1) : (Math.Max(1, rows / 8), Math.Max(2, rows / 4));
        long small = measure(few);
        MemoryLine line = MemoryLine.Through(few, small, more, few == more ? small : measure(more));
        bool fits = ProcessMemory.Current + (2 * line.Of(rows)) < MemoryLimit.Current() / 2;
        return fits && rows > more ? MemoryLine.Through(few, small, rows, measure(rows)) : line;
    }

    // The pass after a smaller one, as in a run: of what that leaves to the allocator little has the sizes that the larger one needs. With accumulation its
    // gradients stay, too.
    private long Measured(RunParts run, Action pass, Action? earlier)
    {
        run.Gradients.Clear();
        return ProcessMemory.Rise(() =>
        {
            earlier?.Invoke();
            if (options.Accumulation == 1) run.Gradients.Clear();
            pass();
        });
    }

    // Memory is given back before a batch that is half as large again as the last that it was given back before (HeapRoom): the usual one is smaller than two thirds.
    private static int Before(int count) => Math.Max(1, count / 2);

    private Action Train(RunParts run, PlannedBatch largest, int count) => () =>
    {
        cancellation.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        model.AddGradients(Collated(largest, count), run.Pass(0, 0));
        BackwardFaults.ThrowKept();
    };

    private Action Forward(RunParts run, PlannedBatch largest, int count) => () =>
    {
        cancellation.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        model.SumLoss(Collated(largest, count), run.Pass(0, 0));
    };

    private (Action Pass, int Rows) Evaluate(int count)
    {
        PlannedBatch longest = Evaluator.Plan(model, validation!).MaxBy(batch => (long)batch.PaddedLength * batch.Rows.Length);
        PlannedBatch part = longest with { Rows = Part(longest.Rows, count) };
        return (() => Evaluator.Add(model, validation!, part, model.NewEvaluation()), longest.Rows.Length);
    }

    private Batch Collated(PlannedBatch planned, int count) =>
        model.Collate([.. Part(planned.Rows, count).Select(index => train.Rows[index])], planned.PaddedLength, new BatchMoment(options.Seed, 0));

    // Rows of the batch, evenly over their lengths; what is trained on counts, so that a row with little to learn stands for no others.
    private static int[] Part(int[] rows, int count) => [.. Enumerable.Range(0, count).Select(i => rows[(int)(((2L * i) + 1) * rows.Length / (2L * count))])];

    private static long Bytes(Weight weight) => weight.Value.numel() * weight.Value.element_size();
}
