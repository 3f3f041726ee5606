using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A model that learns from pairs of completions; see <see cref="PreferenceTuning{TExample, TLoss, TRow}"/>.</summary>
internal sealed class PairTuning(PreferenceSource source, PairLoss loss, OutputHead? reference)
    : PreferenceTuning<PreferencePair, PairLoss, PairRow>(source, loss, reference)
{
    // From here on a model may learn the length before it learns what is better.
    private const double StrongBias = 0.75;
    private const int FewestPairs = 20;

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        OwnRows.CheckLength(rows, paddedLength);
        return PairBatch.Of(rows, paddedLength / 2, Source.PadId, Loss.LearnsPrompt, References, Device);
    }

    public override IEvaluation NewEvaluation() => new Evaluation(this);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows)
    {
        PairRow[] unequal = [.. rows.Select(OwnRows.Of<PairRow>).Where(pair => pair.Chosen.Targets != pair.Rejected.Targets)];
        double longer = unequal.Count(pair => pair.Chosen.Targets > pair.Rejected.Targets) / (double)unequal.Length;
        if (unequal.Length < FewestPairs || (longer < StrongBias && longer > 1 - StrongBias)) yield break;
        yield return $"the chosen completion is the longer one in {longer:P0} of the {unequal.Length} pairs whose lengths differ: "
            + "the model may learn the length before it learns what is better; balance the data, "
            + "or take a loss over means (PreferenceLoss.NormalizedDpo, SimPo) or LengthDesensitized";
    }

    protected override PairRow? Encode(PreferenceEncoding encoding, PreferencePair example, EncodingReport report) =>
        encoding.Encode(example, report);

    protected override Tensor Losses(Batch batch, ForwardContext context) => Loss.PerPair(Score(batch, context));

    protected override Tensor Reference(OutputHead head, PairRow[] rows, int length)
    {
        PairBatch batch = PairBatch.Of(rows, length / 2, Source.PadId, learnsPrompt: false, null, head.Device);
        PreferenceScores scores = batch.Score(head, Loss.LengthWeight, weighs: false, ForwardContext.Evaluation());
        return cat([scores.Chosen, scores.Rejected], 0);
    }

    private PreferenceScores Score(Batch batch, ForwardContext context) =>
        OwnRows.Batch<PairBatch>(batch).Score(Source.Head, Loss.LengthWeight, Loss.IsWeighted, context);

    private sealed class Evaluation(PairTuning model) : IEvaluation
    {
        private readonly PreferenceAccumulator _accumulator = new();

        public void Add(Batch batch, ForwardContext context)
        {
            PreferenceScores scores = model.Score(batch, context);
            (Tensor chosen, Tensor rejected) = model.Loss.Rewards(scores);
            double sum = model.Loss.PerPair(scores).sum().Number();
            _accumulator.Add(sum, chosen.cpu().data<float>().ToArray(), rejected.cpu().data<float>().ToArray());
        }

        public MetricReport Report() => _accumulator.Report();
    }
}
