using System.Runtime.CompilerServices;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A model that writes as one that learns from preferences: a view, the model owns the weights. Nothing is dropped while it learns.</summary>
/// <typeparam name="TExample">What it learns from.</typeparam>
/// <typeparam name="TLoss">Of which kind the loss is.</typeparam>
/// <typeparam name="TRow">What an example becomes.</typeparam>
/// <param name="source">The model.</param>
/// <param name="loss">Valid.</param>
/// <param name="reference">Log-probabilities under it are compared. Null: the model itself before training, its adapter switched off.</param>
internal abstract class PreferenceTuning<TExample, TLoss, TRow>(PreferenceSource source, TLoss loss, OutputHead? reference) : TunableModel<TExample>
    where TLoss : PreferenceLoss<TExample>
    where TRow : EncodedRow, IReferencedRow
{
    // What is found in a data set is found in that set alone.
    private readonly ConditionalWeakTable<EncodingReport, PreferenceEncoding> _encodings = [];

    private readonly ReferenceScores? _reference = !loss.NeedsReference ? null
        : reference is null ? new(source.Head, source.Adapters.OnBase) : new(reference, compute => compute());

    public override WeightSet Weights => source.Head.Weights;

    public override Device Device => source.Head.Device;

    public sealed override bool LossAddsOverRows => loss.AddsOverRows;

    protected PreferenceSource Source => source;

    protected TLoss Loss => loss;

    private protected override OutputHead? AdaptedHead => source.Head;

    private protected override ModelAdapters? SharedAdapters => source.Adapters;

    public override EncodedRow? Encode(TExample example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (example is null) throw new TrainingDataException("the record is null");
        PreferenceEncoding encoding = _encodings.GetValue(
            report.Whole, _ => new(new(source.Tokenizer, source.Rules), new(), loss.NeedsReference, source.IsChat));
        return Encode(encoding, example, report);
    }

    public sealed override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Losses(batch, context.WithoutDropout()).sum();
    }

    internal sealed override void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation) =>
        _reference?.Compute(rows.Select(OwnRows.Of<TRow>), Reference, cancellation);

    internal sealed override string? PrecomputedPath => _reference is null ? null : ReferenceScores.StatePath;

    internal sealed override void ExportPrecomputed(Action<string, Tensor> write) => _reference?.Export(write);

    internal sealed override void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault) => _reference?.Import(read, fault);

    /// <summary>The values of a row under the reference. Null: none are needed.</summary>
    protected Func<TRow, (float First, float Second)>? References => _reference is null ? null : _reference.Of;

    protected abstract TRow? Encode(PreferenceEncoding encoding, TExample example, EncodingReport report);

    /// <summary>The losses of a batch's rows, [rows].</summary>
    protected abstract Tensor Losses(Batch batch, ForwardContext context);

    /// <summary>Two log-probabilities of each row, [2 rows].</summary>
    protected abstract Tensor Reference(OutputHead head, TRow[] rows, int length);

    // The model owns the weights: disposing a view frees nothing.
    protected override void Dispose(bool disposing) => base.Dispose(false);
}
