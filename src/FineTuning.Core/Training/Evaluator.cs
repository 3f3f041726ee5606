using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Streams a row set through a model: batches go in, numbers come out, logits are never kept.</summary>
internal static class Evaluator
{
    private const int TokensInABatch = 2048;
    private const int ScoresInABatch = 1 << 24;
    private const int RowsInABatch = 1024;

    /// <summary>Evaluates all rows.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">What it encoded.</param>
    /// <param name="watch">Told of every batch, and asked before it whether to go on.</param>
    /// <returns>The metrics; null where the time was up first: metrics of a part would not be comparable.</returns>
    public static MetricReport? Evaluate(TunableModel model, RowSet rows, EvaluationWatch watch)
    {
        using WeightPass pass = model.Weights.Enter();
        IEvaluation evaluation = model.NewEvaluation();
        int count = 0;
        foreach (PlannedBatch planned in Plan(model, rows))
        {
            watch.Cancellation.ThrowIfCancellationRequested();
            if (watch.IsTimeUp?.Invoke() == true) return null;
            Add(model, rows, planned, evaluation, watch.Frozen);
            count += planned.Rows.Length;
            watch.Evaluated?.Invoke(count);
        }
        MetricReport report = evaluation.Report();
        return model.Writes ? model.AddWritten(report, rows.Cases, watch) : report;
    }

    /// <summary>Evaluates all rows.</summary>
    public static MetricReport? Evaluate(TunableModel model, RowSet rows, CancellationToken cancellation) =>
        Evaluate(model, rows, new EvaluationWatch(cancellation));

    /// <summary>
    /// One batch, the longest, and one text where texts are written, to see before the run that evaluation works and knows the metric; its numbers are dropped.
    /// </summary>
    /// <returns>Which way the metric gets better.</returns>
    /// <exception cref="InvalidOptionsException">The metric is not one of the model's, or it has no direction.</exception>
    public static MetricDirection DryRun(TunableModel model, RowSet rows, string metric)
    {
        MetricReport report = Shape(model, rows);
        if (model.Writes)
        {
            WritingCase[] longest = [.. rows.Cases.OrderByDescending(one => one.Source.Length).Take(1)];
            report = model.AddWritten(report, longest, new EvaluationWatch(CancellationToken.None))!;
        }
        MetricDirection? direction = report.Find(metric)?.Direction;
        return direction switch
        {
            null => throw new InvalidOptionsException(
                [$"the metric '{metric}' is not one of this model's: {string.Join(", ", report.Metrics.Select(value => value.Name))}"]),
            MetricDirection.Neither =>
                throw new InvalidOptionsException([$"the metric '{metric}' is neither better nor worse for being larger: weights cannot be compared by it"]),
            { } known => known,
        };
    }

    /// <summary>What an evaluation gives, from one batch, the longest: names and directions; the numbers mean little.</summary>
    public static MetricReport Shape(TunableModel model, RowSet rows)
    {
        IEvaluation evaluation = model.NewEvaluation();
        Add(model, rows, Plan(model, rows)[^1], evaluation);
        return evaluation.Report();
    }

    /// <summary>The batches of an evaluation; with many outputs the scores are what a batch needs memory for: 64 MB at most, or one row.</summary>
    public static IReadOnlyList<PlannedBatch> Plan(TunableModel model, RowSet rows)
    {
        int tokens = Math.Clamp(ScoresInABatch / Math.Max(1, model.OutputsPerToken), 1, TokensInABatch);
        return BatchPlan.Of(rows.Lengths, new BatchRules(RowsInABatch, tokens, GroupByLength: true, Shuffle: false, 1, int.MaxValue), 0, 0);
    }

    /// <summary>Adds one of them.</summary>
    public static void Add(TunableModel model, RowSet rows, PlannedBatch planned, IEvaluation evaluation, IFrozenStates? frozen = null)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Batch batch = model.Collate([.. planned.Rows.Select(index => rows.Rows[index])], planned.PaddedLength);
        evaluation.Add(batch, ForwardContext.For(null, Precision.Float32, null, frozen));
    }
}
