using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Testing;

/// <summary>A model that hands everything on to another, and notes which rows a run collates for training.</summary>
internal sealed class WatchedModel<TExample>(TunableModel<TExample> inner) : TunableModel<TExample>
{
    private bool _rehearsed;

    /// <summary>The rows of each epoch in the order in which they were trained on.</summary>
    public SortedDictionary<long, List<int>> Epochs { get; } = [];

    public override WeightSet Weights => inner.Weights;

    public override Device Device => inner.Device;

    public override string PrimaryMetric => inner.PrimaryMetric;

    public override int OutputsPerToken => inner.OutputsPerToken;

    public override bool LossAddsOverRows => inner.LossAddsOverRows;

    public override EncodedRow? Encode(TExample example, EncodingReport report) => inner.Encode(example, report);

    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows) => inner.PrepareRows(rows);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => inner.Collate(rows, paddedLength);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment)
    {
        // The run rehearses its largest batch before the first step.
        if (_rehearsed)
        {
            if (!Epochs.TryGetValue(moment.Epoch, out List<int>? seen)) Epochs[moment.Epoch] = seen = [];
            seen.AddRange(rows.Select(row => row.Index));
        }
        _rehearsed = true;
        return inner.Collate(rows, paddedLength, moment);
    }

    public override Tensor SumLoss(Batch batch, ForwardContext context) => inner.SumLoss(batch, context);

    public override double AddGradients(Batch batch, ForwardContext context) => inner.AddGradients(batch, context);

    public override IEvaluation NewEvaluation() => inner.NewEvaluation();

    public override void Calibrate(MetricReport metrics) => inner.Calibrate(metrics);

    // The weights are the other model's.
    protected override void Dispose(bool disposing) => base.Dispose(false);
}
