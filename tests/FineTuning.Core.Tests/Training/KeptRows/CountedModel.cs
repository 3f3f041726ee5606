using FineTuning.Adapters;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>A model that counts how often it encodes.</summary>
internal sealed class CountedModel<TExample>(TunableModel<TExample> model) : TunableModel<TExample>
{
    private int _encoded;

    public int Encoded => _encoded;

    public TunableModel<TExample> Inner => model;

    public override WeightSet Weights => model.Weights;

    public override string PrimaryMetric => model.PrimaryMetric;

    public override int OutputsPerToken => model.OutputsPerToken;

    public override bool LossAddsOverRows => model.LossAddsOverRows;

    private protected override OutputHead? AdaptedHead => model.SharedHead;

    internal override RowFormat? RowFormat => model.RowFormat;

    internal override bool MixesStates => model.MixesStates;

    internal override Tensor MixedLoss(Batch batch, Batch partners, double share, ForwardContext context) => model.MixedLoss(batch, partners, share, context);

    public override EncodedRow? Encode(TExample example, EncodingReport report)
    {
        Interlocked.Increment(ref _encoded);
        return model.Encode(example, report);
    }

    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows) => model.PrepareRows(rows);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => model.Collate(rows, paddedLength);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment) => model.Collate(rows, paddedLength, moment);

    public override Tensor SumLoss(Batch batch, ForwardContext context) => model.SumLoss(batch, context);

    public override double AddGradients(Batch batch, ForwardContext context) => model.AddGradients(batch, context);

    public override IEvaluation NewEvaluation() => model.NewEvaluation();

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) => model.WarningsAbout(rows);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(false);
        model.Dispose();
    }
}
