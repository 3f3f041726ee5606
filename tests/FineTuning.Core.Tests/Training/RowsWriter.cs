using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>Token ids with the ids that are learned: of a decoder the same ids, or -100 where one is not learned; of an encoder-decoder those of the target.</summary>
internal sealed record IdsWithTargets(int[] Ids, int[] Targets);

/// <summary>A language model over rows of token ids: rows, batches, loss and evaluation are those of the heads, without a tokenizer.</summary>
internal sealed class RowsWriter(OutputHead head, double smoothing) : TunableModel<IdsWithTargets>
{
    private const int NotLearned = -100;

    public override WeightSet Weights => head.Weights;

    private protected override OutputHead? AdaptedHead => head;

    private TrunkPlan Plan => head.Trunk.Plan;

    public override EncodedRow? Encode(IdsWithTargets example, EncodingReport report) => Plan.Encoder is not null
        ? new SourceTargetRow(example.Ids, example.Targets, 1)
        : new CausalRow(example.Ids, [.. example.Targets.Select(id => id != NotLearned)]);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => Plan.Encoder is not null
        ? LanguageBatch.OfPairs(rows, 0, Plan.DecoderStartTokenId!.Value, Device) : LanguageBatch.OfTexts(rows, paddedLength, 0, Device);

    public override Tensor SumLoss(Batch batch, ForwardContext context) => new LanguageLoss(head, smoothing).Sum(batch, context);

    public override IEvaluation NewEvaluation() => new LanguageEvaluation(head);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        head.Dispose();
    }
}
