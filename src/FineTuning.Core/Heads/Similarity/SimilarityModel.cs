using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A sentence encoder that learns by a loss: a view, the encoder owns the weights.</summary>
internal sealed class SimilarityModel<TExample>(SentenceEncoder encoder, SimilarityLoss<TExample> loss, int? chunkSize) : TunableModel<TExample>
{
    private protected override ModelAdapters? SharedAdapters => encoder.Adapters;

    private protected override OutputHead? AdaptedHead => encoder.Head;

    public override WeightSet Weights => encoder.Weights;

    public override Device Device => encoder.Device;

    public override string PrimaryMetric => loss.PrimaryMetric;

    // Losses may compare every text of a batch with every other.
    public override bool LossAddsOverRows => false;

    internal override bool KeepsWholeGraph => chunkSize is null;

    public override EncodedRow? Encode(TExample example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        (IReadOnlyList<string> texts, double target) = loss.Read(example);
        var rows = new TokenizedRow[texts.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            if (texts[i] is null) throw new TrainingDataException($"text {i} of the record is null");
            Text.TokenizedText tokens = encoder.Tokenize(texts[i]);
            report.Truncated(tokens.TruncatedTokens);
            if (string.IsNullOrWhiteSpace(texts[i])) report.Empty();
            rows[i] = encoder.Row(tokens);
        }
        return new TextsRow(rows, target);
    }

    internal override RowFormat RowFormat =>
        new(TextsRow.Read, encoder.Tokenizer, [encoder.RowSettings, loss.GetType().FullName, loss.RowSettings]);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        return TextsBatch.Of(rows, chunkSize, encoder);
    }

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        var texts = OwnRows.Batch<TextsBatch>(batch);
        return SumOf(texts, Embed(texts, context));
    }

    /// <summary>
    /// With a chunk size: embeddings without a graph, the loss's gradient with respect to them, then each chunk once more with its graph,
    /// fed with that gradient (Gao et al. 2021, section 3). Both passes of a chunk draw the same dropout.
    /// </summary>
    public override double AddGradients(Batch batch, ForwardContext context)
    {
        var texts = OwnRows.Batch<TextsBatch>(batch);
        if (chunkSize is null || texts.Groups.Count == 1) return base.AddGradients(batch, context);
        Tensor embeddings;
        using (no_grad()) embeddings = Embed(texts, context);
        embeddings = embeddings.detach().requires_grad_();
        Tensor sum = SumOf(texts, embeddings);
        double value = sum.Number();
        if (!double.IsFinite(value)) return value;
        sum.backward();
        Tensor gradient = embeddings.grad!;
        for (int i = 0; i < texts.Groups.Count; i++)
        {
            using var scope = NewDisposeScope();
            TextGroup group = texts.Groups[i];
            Tensor again = encoder.Embed(group.Input, context.Part(i));
            if (!again.requires_grad) throw NothingTrains();
            (again * gradient.index_select(0, group.IndicesOn(Device))).sum().backward();
        }
        return value;
    }

    /// <summary>
    /// What a user's metric gets: the row's target and the cosine of its first two texts. Null: a row has one text, of which nothing is predicted.
    /// </summary>
    public override (Type Target, Type Prediction)? MetricTypes => loss.ComparesInRow ? (typeof(double), typeof(double)) : null;

    public override IEvaluation NewEvaluation() => new Evaluation(this, loss.Scores());

    // The encoder owns the weights: disposing a view frees nothing.
    protected override void Dispose(bool disposing) => base.Dispose(false);

    /// <returns>[texts, dimension], in the order of the batch's texts</returns>
    private Tensor Embed(TextsBatch batch, ForwardContext context)
    {
        var parts = new List<Tensor>(batch.Groups.Count);
        for (int i = 0; i < batch.Groups.Count; i++)
        {
            using var scope = NewDisposeScope();
            // With a graph its tensors stay alive through it; without one, only the result does.
            parts.Add(encoder.Embed(batch.Groups[i].Input, context.Part(i)).MoveToOuterDisposeScope());
        }
        int[] order = [.. batch.Groups.SelectMany(group => group.Indices)];
        var indices = new long[order.Length];
        for (int i = 0; i < order.Length; i++) indices[order[i]] = i;
        return cat(parts, 0).index_select(0, tensor(indices, ScalarType.Int64, Device));
    }

    // A loss speaks of its batch as a whole; the loop adds sums up and divides once.
    private Tensor SumOf(TextsBatch batch, Tensor embeddings) => loss.Compute(new EmbeddedBatch(batch, embeddings)) * Held(batch.TargetCount);

    private sealed class Evaluation(SimilarityModel<TExample> model, ISimilarityScores scores) : IEvaluation
    {
        private readonly Metrics.MetricCollector<double, double> _user = model.CollectMetrics<double, double>();
        private readonly MeanLoss _loss = new();

        public void Add(Batch batch, ForwardContext context)
        {
            var texts = OwnRows.Batch<TextsBatch>(batch);
            Tensor embeddings = model.Embed(texts, context);
            _loss.Add(model.SumOf(texts, embeddings), batch.TargetCount);
            var embedded = new EmbeddedBatch(texts, embeddings);
            scores.Add(embedded);
            if (!_user.Any) return;
            double[] cosines = Embeddings.Numbers(PairLosses.Cosine(embedded.Column(0), embedded.Column(1)));
            for (int i = 0; i < cosines.Length; i++) _user.Add(((TextsRow)batch.Rows[i]).Target, cosines[i]);
        }

        public Metrics.MetricReport Report() => _user.Extend(scores.Report(_loss.Value));
    }
}
