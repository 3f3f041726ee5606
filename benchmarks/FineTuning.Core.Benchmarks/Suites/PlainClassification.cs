using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Suites;

/// <summary>
/// Classification without the library's shortcut: the last layer is computed for every token, as the usual implementations do it and as tagging and answering must, and the first
/// token's state is read from it. What differs from those two then is the head.
/// </summary>
internal sealed class PlainClassification : TunableModel<LabeledText<string>>
{
    private readonly TextClassifier<string> _rows;
    private readonly OutputHead _encoder;

    /// <param name="rows">Tokenizes and collates; it is owned from here on.</param>
    public PlainClassification(TextClassifier<string> rows)
    {
        _rows = rows;
        _encoder = OutputHead.On(rows.Trunk, HeadKind.TokenClassification, rows.LabelSet.Count);
    }

    public override WeightSet Weights => _encoder.Weights;

    public override Device Device => _encoder.Device;

    public override string PrimaryMetric => _rows.PrimaryMetric;

    public override EncodedRow? Encode(LabeledText<string> example, EncodingReport report) => _rows.Encode(example, report);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => _rows.Collate(rows, paddedLength);

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        var tokens = (TokenizedBatch)batch;
        return Losses.CrossEntropy(_encoder.Logits(tokens.Input, context).select(1, 0), TargetRow.Labels(tokens, Device), null, null, 0);
    }

    public override IEvaluation NewEvaluation() => throw new NotSupportedException("only its training steps are measured");

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _encoder.Dispose();
        _rows.Dispose();
    }
}
