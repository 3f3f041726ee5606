using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Streams a row set through a model: batches go in, numbers come out, logits are never kept.</summary>
internal static class Evaluator
{
    private const int TokensInABatch = 8192;
    private const int RowsInABatch = 1024;

    public static MetricReport Evaluate(TunableModel model, RowSet rows, CancellationToken cancellation)
    {
        IEvaluation evaluation = model.Evaluate();
        foreach (PlannedBatch planned in Plan(rows))
        {
            cancellation.ThrowIfCancellationRequested();
            Add(model, rows, planned, evaluation);
        }
        return evaluation.Report();
    }

    /// <summary>One batch, the longest, to see before the run that evaluation works and knows the metric; its numbers are dropped.</summary>
    /// <exception cref="InvalidOptionsException">The metric is not one of the model's.</exception>
    public static void DryRun(TunableModel model, RowSet rows, string metric)
    {
        IEvaluation evaluation = model.Evaluate();
        Add(model, rows, Plan(rows)[^1], evaluation);
        MetricReport report = evaluation.Report();
        if (report.TryGet(metric, out _)) return;
        throw new InvalidOptionsException([$"the metric '{metric}' is not one of this model's: {string.Join(", ", report.Values.Select(pair => pair.Key))}"]);
    }

    private static List<PlannedBatch> Plan(RowSet rows) =>
        BatchPlan.Of(rows.Lengths, new BatchRules(RowsInABatch, TokensInABatch, GroupByLength: true, Shuffle: false, 1, int.MaxValue), 0, 0);

    private static void Add(TunableModel model, RowSet rows, PlannedBatch planned, IEvaluation evaluation)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Batch batch = model.Collate([.. planned.Rows.Select(place => rows.Rows[place])], planned.PaddedLength);
        evaluation.Add(batch, ForwardContext.Evaluation());
    }
}
