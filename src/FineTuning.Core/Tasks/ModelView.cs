using FineTuning.Adapters;
using FineTuning.Metrics;
using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Tasks;

/// <summary>A model that is another one but for what a derived class overrides: a run trains it instead of that.</summary>
/// <remarks>It forwards every virtual member, which a test asserts, so that a member that is added later is not lost in silence.</remarks>
/// <param name="model">Owns the weights: disposing a view frees nothing.</param>
internal abstract class ModelView(TunableModel model) : TunableModel
{
    /// <summary>The model that this one is a view of.</summary>
    protected TunableModel Model => model;

    public override WeightSet Weights => model.Weights;

    public override Device Device => model.Device;

    public override string PrimaryMetric => model.PrimaryMetric;

    public override int OutputsPerToken => model.OutputsPerToken;

    public override bool LossAddsOverRows => model.LossAddsOverRows;

    public override (Type Target, Type Prediction)? MetricTypes => model.MetricTypes;

    private protected override OutputHead? AdaptedHead => model.SharedHead;

    private protected override ModelAdapters? SharedAdapters => model.SharedHead is null ? null : model.Adapters;

    internal override string? WhyInputsChange => model.WhyInputsChange;

    internal override bool SwitchesTheTrunk => model.SwitchesTheTrunk;

    internal override IWordHead? Words => model.Words;

    internal override bool GivesScores => model.GivesScores;

    internal override bool MixesStates => model.MixesStates;

    internal override bool KeepsWholeGraph => model.KeepsWholeGraph;

    internal override bool Writes => model.Writes;

    internal override string? PrecomputedPath => model.PrecomputedPath;

    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows) => model.PrepareRows(rows);

    // What a view knows of rows it keeps by the objects that they are.
    internal override RowFormat? RowFormat => null;

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => model.Collate(rows, paddedLength);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment) => model.Collate(rows, paddedLength, moment);

    public override Tensor SumLoss(Batch batch, ForwardContext context) => model.SumLoss(batch, context);

    public override double AddGradients(Batch batch, ForwardContext context) => model.AddGradients(batch, context);

    internal override (Tensor Loss, Tensor Scores) ScoredLoss(Batch batch, ForwardContext context) => model.ScoredLoss(batch, context);

    internal override Tensor MixedLoss(Batch batch, Batch partners, double share, ForwardContext context) => model.MixedLoss(batch, partners, share, context);

    internal override FrozenLayers FrozenLayers() => model.FrozenLayers();

    internal override string? WhyStatesDiffer(FrozenLayers border) => model.WhyStatesDiffer(border);

    public override IEvaluation NewEvaluation() => model.NewEvaluation();

    public override void Calibrate(MetricReport metrics) => model.Calibrate(metrics);

    internal override MetricReport? AddWritten(MetricReport report, IReadOnlyList<WritingCase> cases, EvaluationWatch watch) =>
        model.AddWritten(report, cases, watch);

    internal override IReadOnlyList<ProbeTarget>? ProbeTargets(EncodedRow row) => model.ProbeTargets(row);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) => model.WarningsAbout(rows);

    internal override void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation) => model.Precompute(rows, cancellation);

    internal override void ExportPrecomputed(Action<string, Tensor> write) => model.ExportPrecomputed(write);

    internal override void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault) => model.ImportPrecomputed(read, fault);

    protected override void Dispose(bool disposing) => base.Dispose(false);
}
