using System.Diagnostics;
using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>THE loop: it never asks which task it runs.</summary>
/// <remarks>One run; all of it on the thread that calls <see cref="Run"/>.</remarks>
internal sealed class TrainingLoop(TunableModel model, RowSet train, RowSet? validation, TrainingOptions options, RunObserver observer, CancellationToken cancellation, Stopwatch? clock = null)
{
    private readonly BatchRules _rules = new(
        options.BatchSize, options.TokenBudget, options.GroupByLength, options.Shuffle, options.PadToMultipleOf, train.Lengths.Count == 0 ? 1 : train.Lengths.Max());

    private readonly RunRecord _record = new(model, train, validation, options, observer, clock);

    public TrainingResult Run()
    {
        var freezing = new FreezeState(model.Weights, options);
        using OptimizerState optimizer = options.Optimizer.CreateState();
        var gradients = new GradientStep(options, optimizer);
        using var best = new BestWeights([.. model.Weights.Where(weight => !options.Frozen.Matches(weight, model.Weights.HeadDepth))]);
        long stepsInAnEpoch = (BatchPlan.Count(train.Lengths, _rules) + options.Accumulation - 1) / options.Accumulation;
        long totalSteps = options.Steps ?? checked((options.Epochs ?? 3) * stepsInAnEpoch);
        long interval = options.EvaluateEvery.Resolve(stepsInAnEpoch);
        freezing.Begin(0);
        gradients.Regroup(model.Weights);
        _record.Begin(stepsInAnEpoch, totalSteps);
        bool higherIsBetter = !_record.ShouldEnd(cancellation) && DryRun(gradients) == MetricDirection.Higher;
        var selection = new Selection(higherIsBetter, options.EarlyStopping);
        var plateau = options.Schedule is PlateauSchedule schedule ? new PlateauState(schedule, higherIsBetter) : null;

        try
        {
            for (int epoch = 0; _record.Steps < totalSteps && _record.Stop is null; epoch++)
            {
                if (freezing.Begin(epoch)) gradients.Regroup(model.Weights);
                foreach (PlannedBatch[] window in BatchPlan.Of(train.Lengths, _rules, options.Seed, epoch).Chunk(options.Accumulation))
                {
                    if (_record.ShouldEnd(cancellation) || _record.Steps >= totalSteps) break;
                    double rate = options.Optimizer.LearningRate * options.Schedule.Factor(_record.Steps, totalSteps) * (plateau?.Factor ?? 1);
                    if (!Step(window, epoch, rate, gradients)) break;
                    if (validation is null || (_record.Steps % interval != 0 && _record.Steps != totalSteps)) continue;
                    Evaluate(selection, plateau, best);
                    if (selection.ShouldStop) _record.Stop = StopReason.StoppedEarly;
                }
            }
            if (validation is not null && _record.EvaluationIsDue && !cancellation.IsCancellationRequested) Evaluate(selection, plateau, best);
        }
        finally
        {
            // Also where the run fails: the model is left with the best weights that were seen.
            gradients.Clear();
            if (best.Any && options.KeepBest) best.Restore();
        }
        TrainingResult result = _record.Finish();
        if (result.Metrics is { } metrics) model.Adopt(metrics);
        return result;
    }

    /// <summary>One optimizer step over a window of micro-batches; false where it was cancelled, and nothing was changed.</summary>
    private bool Step(PlannedBatch[] window, long epoch, double rate, GradientStep gradients)
    {
        long started = Stopwatch.GetTimestamp();
        long step = _record.Steps + 1;
        double loss = 0, targets = 0;
        for (int micro = 0; micro < window.Length; micro++)
        {
            if (cancellation.IsCancellationRequested)
            {
                gradients.Clear();
                return false;
            }
            (double sum, double count) = Backward(window[micro], epoch, new DropoutStream(options.Seed, step, micro), step);
            (loss, targets) = (loss + sum, targets + count);
        }
        if (targets <= 0)
        {
            // Nothing to learn in the whole window: the weights stay as they are, and the step is counted.
            gradients.Clear();
            _record.AddEmptyStep(rate);
            return true;
        }
        double norm = gradients.Norm(targets);
        if (!double.IsFinite(norm)) throw Diverged(step, window, $"a gradient is {norm} ({string.Join(", ", gradients.Names(gradient => gradient is not null && !gradient.isfinite().all().item<bool>()).Take(3))})");
        gradients.Apply(rate, targets, norm);
        gradients.Clear();
        _record.AddStep(loss / targets, rate, norm, Stopwatch.GetElapsedTime(started));
        return true;
    }

    private (double Sum, double Count) Backward(PlannedBatch planned, long epoch, DropoutStream dropout, long step)
    {
        using var scope = NewDisposeScope();
        Batch batch = model.Collate([.. planned.Rows.Select(place => train.Rows[place])], planned.PaddedLength, new BatchMoment(options.Seed, epoch));
        _record.AddTokens(batch);
        if (batch.TargetCount <= 0) return (0, 0);
        double sum = model.AddGradients(batch, ForwardContext.For(dropout, options.Precision));
        if (!double.IsFinite(sum)) throw Diverged(step, [planned], $"the loss is {sum}");
        return (sum, batch.TargetCount);
    }

    private void Evaluate(Selection selection, PlateauState? plateau, BestWeights best)
    {
        _record.BeginEvaluation();
        MetricReport? report;
        try
        {
            report = Evaluator.Evaluate(model, validation!, cancellation, isTimeUp: _record.EvaluationIsLate);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }
        if (report is null)
        {
            _record.GiveUpEvaluation();
            return;
        }
        double value = report[_record.Metric];
        if (double.IsNaN(value)) throw new DivergedException(_record.Steps, $"the metric '{_record.Metric}' of the validation data is NaN after step {_record.Steps}: {report}");
        bool isBest = selection.Observe(value);
        plateau?.Observe(value);
        if (isBest && options.KeepBest) best.Keep();
        _record.AddEvaluation(report, isBest);
    }

    // The largest batch first: what is too large or does not fit together fails now, not after an hour. Weights stay as they are.
    private MetricDirection? DryRun(GradientStep gradients)
    {
        PlannedBatch largest = BatchPlan.Of(train.Lengths, _rules, options.Seed, 0).MaxBy(batch => (long)batch.PaddedLength * batch.Rows.Length);
        using (var scope = NewDisposeScope())
        {
            Batch batch = model.Collate([.. largest.Rows.Select(place => train.Rows[place])], largest.PaddedLength, new BatchMoment(options.Seed, 0));
            double loss = model.AddGradients(batch, ForwardContext.For(new DropoutStream(options.Seed, 0, 0), options.Precision));
            if (!double.IsFinite(loss)) throw Diverged(0, [largest], $"the loss is {loss} before the first step");
        }
        _record.NoteIdleWeights(gradients.Names(gradient => gradient is null));
        gradients.Clear();
        return validation is null ? null : Evaluator.DryRun(model, validation, _record.Metric);
    }

    private DivergedException Diverged(long step, PlannedBatch[] window, string problem)
    {
        string rows = string.Join(", ", window.SelectMany(batch => batch.Rows).Select(place => train.Rows[place].Index).Order().Take(20));
        TrainingLog.Diverged(observer.Logger, step, problem);
        return new DivergedException(step, $"in step {step} {problem}; training records {rows}. Lower the learning rate ({options.Optimizer.LearningRate}), lengthen the warm-up, clip harder, or look at these records.");
    }
}
