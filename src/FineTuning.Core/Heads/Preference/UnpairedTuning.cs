using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A model that learns from labelled completions; see <see cref="PreferenceTuning{TExample, TLoss, TRow}"/>.</summary>
internal sealed class UnpairedTuning(PreferenceSource source, UnpairedLoss loss, OutputHead? reference)
    : PreferenceTuning<UnpairedPreference, UnpairedLoss, LabeledRow>(source, loss, reference)
{
    /// <summary>Rows that meet each other's completions, as the reference's trainer takes those of a batch. Null: those of the whole data set.</summary>
    internal int? Block { get; init; }

    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        if (!Loss.NeedsMismatched) return rows;
        if (rows.Count < 2)
            throw new TrainingDataException("KTO compares each completion with those of other records, and there is one record: give two or more");
        LabeledRow[] labeled = [.. rows.Select(OwnRows.Of<LabeledRow>)];
        LabeledRow.MeetOthers(labeled, Source.Rules.MaximumLength, Block);
        return labeled;
    }

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        OwnRows.CheckLength(rows, paddedLength);
        return UnpairedBatch.Of(rows, paddedLength, Source.PadId, References, Device);
    }

    public override IEvaluation NewEvaluation() => new Evaluation(this);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows)
    {
        int desirable = rows.Select(OwnRows.Of<LabeledRow>).Count(row => row.IsDesirable);
        if (desirable == 0 || desirable == rows.Count)
            yield return $"all {rows.Count} completions are {(desirable == 0 ? "undesirable" : "desirable")}: what is better than what is not said";
    }

    protected override LabeledRow? Encode(PreferenceEncoding encoding, UnpairedPreference example, EncodingReport report) =>
        encoding.Encode(example, report);

    protected override Tensor Losses(Batch batch, ForwardContext context) => Loss.PerRow(OwnRows.Batch<UnpairedBatch>(batch).Score(Source.Head, context));

    protected override Tensor Reference(OutputHead head, LabeledRow[] rows, int length)
    {
        UnpairedScores scores = UnpairedBatch.Of(rows, length, Source.PadId, null, head.Device).Score(head, ForwardContext.Evaluation());
        return cat([scores.Model, scores.Mismatched ?? zeros_like(scores.Model)], 0);
    }

    private sealed class Evaluation(UnpairedTuning model) : IEvaluation
    {
        private readonly UnpairedAccumulator _accumulator = new();

        public void Add(Batch batch, ForwardContext context)
        {
            UnpairedScores scores = OwnRows.Batch<UnpairedBatch>(batch).Score(model.Source.Head, context);
            float[] rewards = model.Loss.Rewards(scores).cpu().data<float>().ToArray();
            double drift = scores.Mismatched is null ? double.NaN : (scores.Mismatched - scores.MismatchedReference!).sum().Number();
            _accumulator.Add(model.Loss.PerRow(scores).sum().Number(), rewards, [.. batch.Rows.Select(row => OwnRows.Of<LabeledRow>(row).IsDesirable)], drift);
        }

        public MetricReport Report() => _accumulator.Report();
    }
}
