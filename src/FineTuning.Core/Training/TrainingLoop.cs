using System.Diagnostics;
using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>THE loop: it never asks which task it runs, nor which features hang on its points.</summary>
/// <remarks>One run; all of it on the thread that calls <see cref="Run"/>.</remarks>
internal sealed class TrainingLoop(TunableModel model, RowSet train, RowSet? validation, TrainingOptions options, RunObserver observer,
    CancellationToken cancellation, RunClock? clock = null)
{
    private readonly IEpochPlan _plan = train.Plan(options.RulesFor(train.Lengths));
    private readonly HeapRoom _heap = new();
    private MicroBatches _microBatches = new(model);
    private RunRoom? _room;

    // The rows of the step, by their indices.
    private readonly Dictionary<int, EncodedRow> _window = [];

    private readonly RunRecord _record = new(model, train, validation, options, observer, clock);

    /// <summary>What the run goes on from. Null: it begins.</summary>
    public RunState? From { get; init; }

    /// <summary>Which way the metric gets better, where an earlier run on the same data has seen that all fits together. Null: a batch is rehearsed.</summary>
    public MetricDirection? Rehearsed { get; init; }

    /// <summary>What sees whether the address space has room. Null: it has no limit.</summary>
    public AddressRoom? Room { get; init; } = AddressRoom.OfProcess();

    public TrainingResult Run()
    {
        (_microBatches, _room) = (new MicroBatches(model) { Room = Room }, Room is null ? null : new RunRoom(model, options, Room));
        using var run = new RunParts(model, options, _record) { IsEnding = () => _record.ShouldEnd(cancellation) };
        try
        {
            Begin(run);
        }
        catch (Exception failure) when (IsWithoutType(failure))
        {
            throw MemoryEnded(failure);
        }
        try
        {
            Train(run);
        }
        catch (Exception failure)
        {
            _record.Failure = failure;
            if (!IsWithoutType(failure)) throw;
            throw _record.Failure = MemoryEnded(failure);
        }
        finally
        {
            // Also where the run fails: the model is left with the best weights that were seen.
            run.Gradients.Clear();
            run.At(feature => feature.End(run));
            if (run.Best.Any && options.KeepBest) run.Best.Restore();
            if (_record.Failure is not null) TrainingFailure.Attach(_record.Failure, _record);
        }
        TrainingResult result = _record.Finish();
        if (result.Metrics is { } metrics) model.Calibrate(metrics);
        return result;
    }

    private static bool IsWithoutType(Exception failure) => failure is not FineTuningException && MemoryFailure.Is(failure);

    // Where no micro-batch was computed that could be made smaller: in an evaluation, in the optimizer's step, in copies of weights.
    private TrainingMemoryException MemoryEnded(Exception failure) => new($"memory ended after {_record.Steps} steps: {failure.Message}; "
        + "freeze more, train an adapter, or choose an optimizer that keeps less", failure);

    private void Train(RunParts run)
    {
        run.At(feature => feature.Begin(run));
        // An evaluation that the run still owes is made with the weights that trained in the last step: whether a weight trains may decide how torch computes.
        run.EnterEpoch(Math.Max(0, _record.Steps - 1) / _record.Length.StepsInAnEpoch);
        Evaluate(run);
        while (!_record.IsOver)
        {
            (long epoch, long done) = Math.DivRem(_record.Steps, _record.Length.StepsInAnEpoch);
            run.EnterEpoch(epoch);
            foreach (PlannedBatch[] window in Windows(_plan.Of(options.Seed, epoch), done))
            {
                long next = _record.Steps + 1;
                if (_record.IsOver || !Step(run, window, epoch)) break;
                Evaluate(run);
                run.At(feature => feature.BetweenSteps(run));
                // A feature has gone back to an earlier step: its windows follow.
                if (_record.Steps != next) break;
            }
        }
        if (!cancellation.IsCancellationRequested) Evaluate(run, last: true);
    }

    // The windows of an epoch from a step on: none before it is looked at.
    private IEnumerable<PlannedBatch[]> Windows(IReadOnlyList<PlannedBatch> batches, long from)
    {
        for (long start = from * options.Accumulation; start < batches.Count; start += options.Accumulation)
        {
            var window = new PlannedBatch[Math.Min(options.Accumulation, batches.Count - start)];
            for (int i = 0; i < window.Length; i++) window[i] = batches[(int)start + i];
            yield return window;
        }
    }

    private void Begin(RunParts run)
    {
        long stepsInAnEpoch = (_plan.Count + options.Accumulation - 1) / options.Accumulation;
        run.BeginEpoch(0);
        _record.Begin(new RunLength(stepsInAnEpoch, options.Steps ?? checked((options.Epochs ?? 3) * stepsInAnEpoch)));
        // Where reading the data took all the time, there is nothing to rehearse.
        if (Rehearsed is { } direction)
        {
            run.CompareBy(direction);
            if (_room is not null) LearnRoom(run, LargestOfEachKind());
        }
        else if (!_record.ShouldEnd(cancellation)) DryRun(run);
        using RunState? restored = From is null ? run.Restore() : null;
        if ((From ?? restored) is { } state) run.Import(state);
    }

    /// <summary>One optimizer step over a window of micro-batches; false where the run ends instead, and nothing was changed.</summary>
    private bool Step(RunParts run, PlannedBatch[] window, long epoch)
    {
        long started = Stopwatch.GetTimestamp();
        StepTally tally = _microBatches.Gather(run, () => Gradients(run, window, epoch));
        if (run.Gradients.Any()) tally += StepTally.Gradient;
        tally = run.Reduce(tally);
        if (tally.Failures > 0) return Recovered(run, window, $"the loss is {tally.Loss}");
        if (tally.Stops > 0 || tally.Targets <= 0)
        {
            // A window without anything to learn is counted; one in which the run ends is not.
            run.Gradients.Clear();
            if (tally.Stops == 0) _record.AddEmptyStep(run.Rate);
            return tally.Stops == 0;
        }
        if (tally.Gradients == 0)
            throw new InvalidOptionsException(
                [$"in step {_record.Steps + 1} no weight that trains has a gradient: freeze less, or see what the loss depends on"]);
        run.IsBetweenSteps = false;
        run.At(feature => feature.AfterGradients(run, tally.Targets));
        _room?.RequireForUpdate(run);
        double rate = run.Rate, norm = run.Gradients.Norm(tally.Targets);
        if (!double.IsFinite(norm)) return Recovered(run, window, $"a gradient is {norm} ({string.Join(", ", run.Gradients.NotFinite().Take(3))})");
        run.Gradients.Apply(rate, tally.Targets, norm);
        run.Gradients.Clear();
        TimeSpan duration = Stopwatch.GetElapsedTime(started);
        _record.AddStep(tally.Loss / tally.Targets, rate, norm, duration);
        run.At(feature => feature.AfterStep(run));
        run.IsBetweenSteps = true;
        _record.TellStep(duration);
        return true;
    }

    // Nothing was changed in the step: a feature may leave it out, or go back.
    private bool Recovered(RunParts run, PlannedBatch[] window, string problem)
    {
        run.Gradients.Clear();
        run.IsBetweenSteps = true;
        if (!run.Recover(Described(window, problem))) throw Diverged(window, problem);
        return true;
    }

    private StepTally Gradients(RunParts run, PlannedBatch[] window, long epoch)
    {
        _record.BeginStep();
        // Within a step a row is one object, also where rows are read from a file.
        _window.Clear();
        foreach (int index in window.SelectMany(batch => batch.Rows)) _window.TryAdd(index, train.Rows[index]);
        run.At(feature => feature.BeginWindow(run, [.. window.Select(RowsOf)]));
        StepTally tally = default;
        for (int micro = 0; micro < window.Length; micro++)
        {
            int part = 0;
            foreach (PlannedBatch planned in _microBatches.Parts(window[micro]))
            {
                if (tally.IsOver) return tally;
                ForwardContext context = run.Shape(run.Pass(_record.Steps + 1, micro));
                tally += _record.ShouldEnd(cancellation) ? StepTally.Stop : Backward(run, planned, epoch, part == 0 ? context : context.Apart(part));
                part++;
            }
        }
        return tally;
    }

    private StepTally Backward(RunParts run, PlannedBatch planned, long epoch, ForwardContext context)
    {
        _heap.Before((long)planned.PaddedLength * planned.Rows.Length);
        _microBatches.Require(run, planned);
        using var scope = NewDisposeScope();
        Batch batch = model.Collate(RowsOf(planned), planned.PaddedLength, new BatchMoment(options.Seed, epoch));
        _record.AddTokens(batch);
        if (batch.TargetCount <= 0) return default;
        run.At(feature => feature.BeforeForward(run, batch));
        double sum = run.AddGradients(batch, context);
        BackwardFaults.ThrowKept();
        if (!double.IsFinite(sum)) return new(sum, batch.TargetCount, 0, 1, 0);
        run.At(feature => feature.AfterBackward(run, batch, context));
        return new(sum, batch.TargetCount, 0, 0, 0);
    }

    // After a step where it is due, and at the end.
    private void Evaluate(RunParts run, bool last = false)
    {
        if (validation is null || !_record.EvaluationIsDue) return;
        bool isDue = _record.Steps > 0
            && (_record.Steps % options.EvaluateEvery.Resolve(_record.Length.StepsInAnEpoch) == 0 || _record.Steps == _record.Length.TotalSteps);
        if (!isDue && !last) return;
        _record.BeginEvaluation();
        _room?.RequireForEvaluation(run, validation!);
        run.At(feature => feature.BeforeEvaluation(run));
        try
        {
            var watch = new EvaluationWatch(cancellation) { Written = _record.NoteWritten, IsTimeUp = _record.EvaluationIsLate, Frozen = run.Frozen };
            if (Evaluator.Evaluate(model, validation, watch) is not { } report)
            {
                _record.GiveUpEvaluation();
                return;
            }
            double value = report[_record.Metric];
            if (double.IsNaN(value))
                throw new DivergedException(_record.Steps, $"the metric '{_record.Metric}' of the validation data is NaN after step {_record.Steps}: {report}");
            bool isBest = run.Selection.Observe(value);
            run.Plateau?.Observe(value);
            if (isBest && options.KeepBest) run.Best.Keep();
            _record.AddEvaluation(report, isBest);
            if (run.Selection.ShouldStop && !_record.IsOver) _record.Stop = StopReason.StoppedEarly;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Also where it was the last: a run that lacks an evaluation is not completed.
            _record.ShouldEnd(cancellation);
        }
        finally
        {
            run.At(feature => feature.AfterEvaluation(run));
        }
    }

    // The largest batch first, of each kind: what is too large or does not fit together fails now, not after an hour. Weights stay as they are.
    private void DryRun(RunParts run)
    {
        SortedDictionary<int, PlannedBatch>.ValueCollection largest = LargestOfEachKind();
        LearnRoom(run, largest);
        run.FirstLoss = _microBatches.Gather(run, () => largest.SelectMany(_microBatches.Parts).Sum(part => Rehearse(run, part)));
        if (run.Recomputed is { Count: 0 })
            _record.Warn("GradientCheckpointing changes nothing: none of the chosen layers is computed by this model, or nothing trains in them and below");
        _record.NoteIdleWeights(run.Gradients.Idle());
        run.Gradients.Clear();
        if (validation is null) return;
        _room?.LearnEvaluation(validation);
        run.CompareBy(Evaluator.DryRun(model, validation, _record.Metric));
    }

    // What passes take, where the address space is limited.
    private void LearnRoom(RunParts run, IEnumerable<PlannedBatch> largest) =>
        _microBatches.Learn(train.Lengths, largest.MaxBy(Tokens), part => Rehearse(run, part));

    private static long Tokens(PlannedBatch batch) => (long)batch.PaddedLength * batch.Rows.Length;

    private SortedDictionary<int, PlannedBatch>.ValueCollection LargestOfEachKind()
    {
        var largest = new SortedDictionary<int, PlannedBatch>();
        foreach (PlannedBatch batch in _plan.Of(options.Seed, 0))
        {
            int kind = train.Rows[batch.Rows[0]].Kind;
            if (!largest.TryGetValue(kind, out PlannedBatch most) || Tokens(batch) > Tokens(most)) largest[kind] = batch;
        }
        return largest.Values;
    }

    private double Rehearse(RunParts run, PlannedBatch planned)
    {
        using var scope = NewDisposeScope();
        Batch batch = model.Collate(RowsOf(planned), planned.PaddedLength, new BatchMoment(options.Seed, 0));
        double loss = model.AddGradients(batch, run.Pass(0, 0));
        BackwardFaults.ThrowKept();
        return double.IsFinite(loss) ? loss : throw Diverged([planned], $"the loss is {loss} before the first step");
    }

    private EncodedRow[] RowsOf(PlannedBatch planned) =>
        [.. planned.Rows.Select(index => _window.TryGetValue(index, out EncodedRow? row) ? row : train.Rows[index])];

    private DivergedException Diverged(PlannedBatch[] window, string problem)
    {
        TrainingLog.Diverged(observer.Logger, _record.Steps + 1, problem);
        return new DivergedException(_record.Steps + 1, $"{Described(window, problem)}. "
            + $"Lower the learning rate ({options.Optimizer.LearningRate}), lengthen the warm-up, clip harder, or look at these records.");
    }

    private string Described(PlannedBatch[] window, string problem) => $"in step {_record.Steps + 1} {problem}; "
        + $"training records {string.Join(", ", window.SelectMany(RowsOf).OrderBy(row => row.Index).Take(20).Select(row => row.Name))}";
}
