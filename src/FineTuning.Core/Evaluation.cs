using FineTuning.Batching;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning;

/// <summary>How far an evaluation is.</summary>
public sealed class EvaluationProgress
{
    internal EvaluationProgress(long examplesEncoded, int rowsEvaluated, int rows) =>
        (ExamplesEncoded, RowsEvaluated, Rows) = (examplesEncoded, rowsEvaluated, rows);

    /// <summary>Examples that became tokens.</summary>
    public long ExamplesEncoded { get; }

    /// <summary>Rows that went through the model; a long text may be several.</summary>
    public int RowsEvaluated { get; }

    /// <summary>All rows; 0 while examples are still being encoded.</summary>
    public int Rows { get; }

    /// <summary>Texts that the model has written.</summary>
    public int TextsWritten { get; internal init; }

    /// <summary>Texts that it writes in all; 0 where it writes none, or does not yet.</summary>
    public int TextsToWrite { get; internal init; }
}

/// <summary>Measures models on data.</summary>
public static class Evaluation
{
    private const string ThreadName = "FineTuning.Core evaluation", DataName = "evaluation data";

    /// <summary>Measures a model on data as a run measures it on its validation data: the same numbers, to the bit.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="model">The model; nothing trains it at the same time.</param>
    /// <param name="data">Read once; all of it, so it has an end.</param>
    /// <param name="progress">Told from time to time how far the evaluation is. Null: no one is told.</param>
    /// <param name="cancellation">Ends the evaluation with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The model's metrics and the user's (<see cref="TunableModel.AddMetric"/>).</returns>
    /// <exception cref="Errors.TrainingDataException">A record cannot be evaluated on, or there is none; it is named.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static MetricReport Evaluate<TExample>(this TunableModel<TExample> model, IEnumerable<TExample> data, IProgress<EvaluationProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        return DedicatedThread.Run(ThreadName, () => Run(model, data, progress, cancellation));
    }

    /// <summary>Measures a model on data, on a thread of its own.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="model">The model; nothing trains it at the same time.</param>
    /// <param name="data">Read once, on that thread.</param>
    /// <param name="progress">Told from time to time how far the evaluation is. Null: no one is told.</param>
    /// <param name="cancellation">Ends the evaluation with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>What <see cref="Evaluate"/> returns; it fails as that does.</returns>
    public static Task<MetricReport> EvaluateAsync<TExample>(
        this TunableModel<TExample> model, IEnumerable<TExample> data, IProgress<EvaluationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        return DedicatedThread.Start(ThreadName, () => Run(model, data, progress, cancellation));
    }

    private static MetricReport Run<TExample>(TunableModel<TExample> model, IEnumerable<TExample> data,
        IProgress<EvaluationProgress>? progress, CancellationToken cancellation)
    {
        long examples = 0;
        RowSet rows = RowSet.Encode(model, data, DataName, count => progress?.Report(new(examples = count, 0, 0)), cancellation, evaluates: true);
        model.Precompute(rows.Rows, cancellation);
        int all = rows.Rows.Count;
        return Evaluator.Evaluate(model, rows, new EvaluationWatch(cancellation)
        {
            Evaluated = done => progress?.Report(new(examples, done, all)),
            Written = (texts, toWrite) => progress?.Report(new(examples, all, all) { TextsWritten = texts, TextsToWrite = toWrite }),
        })!;
    }
}
