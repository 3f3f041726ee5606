using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// A model whose training rows are changed anew in every epoch, as a function of seed, epoch and row: a view that a run trains instead of it.
/// </summary>
/// <remarks>
/// A row is changed by changing its example and encoding that again. Rows that are parts of an example, or hold several, stay as they are. Outside of a run,
/// and
/// in evaluations, rows are what they were.
/// </remarks>
/// <typeparam name="TExample">What the model is trained on.</typeparam>
internal sealed class AugmentedModel<TExample>(TunableModel<TExample> model, Augmenting settings) : TunableModel<TExample>
{
    // The first draw of a row says whether it is changed at all.
    private const int WhetherAtAll = 0;

    private readonly EncodingReport _unread = new();
    private readonly System.Collections.Concurrent.ConcurrentDictionary<EncodedRow, TExample> _encoded = [];
    private readonly Dictionary<EncodedRow, TExample> _examples = [];
    private readonly EntityBank _entities = new();
    private int _rows;

    /// <summary>The model as it is, or as the recipe augments its rows.</summary>
    /// <exception cref="InvalidOptionsException">The model's examples have no texts that may be changed.</exception>
    public static TunableModel<TExample> Of(TunableModel<TExample> model, TrainingOptions recipe)
    {
        if (recipe.Features.OfType<Augmenting>().FirstOrDefault() is not { } settings) return model;
        bool isTagged = typeof(TaggedText).IsAssignableFrom(typeof(TExample));
        if (!isTagged && typeof(TExample) != typeof(string) && !typeof(IRewritableExample).IsAssignableFrom(typeof(TExample)))
        {
            throw new InvalidOptionsException([$"{model.GetType().Name} learns from {typeof(TExample).Name}, which has no text that may be changed: "
                + "leave WithAugmentation out"]);
        }
        if (!isTagged && settings.Augmentations.Any(augmentation => augmentation.NeedsEntities))
            throw new InvalidOptionsException([$"{typeof(TExample).Name} has no entities to exchange: Augmentation.Entities is for taggers"]);
        foreach (FillingAugmentation filling in settings.Augmentations.OfType<FillingAugmentation>())
        {
            filling.Model!.Weights.ThrowIfClosed();
            if (ReferenceEquals(filling.Model.Weights.Gate, model.Weights.Gate))
                throw new InvalidOptionsException(["the model that fills masks shares its weights with the one that is trained: load another"]);
        }
        return new AugmentedModel<TExample>(model, settings);
    }

    internal override string? WhyInputsChange => "rows are augmented anew in every epoch";

    public override WeightSet Weights => model.Weights;

    public override Device Device => model.Device;

    public override string PrimaryMetric => model.PrimaryMetric;

    public override int OutputsPerToken => model.OutputsPerToken;

    public override bool LossAddsOverRows => model.LossAddsOverRows;

    public override (Type Target, Type Prediction)? MetricTypes => model.MetricTypes;

    private protected override OutputHead? AdaptedHead => model.SharedHead;

    private protected override ModelAdapters? SharedAdapters => model.SharedHead is null ? null : model.Adapters;

    internal override bool SwitchesTheTrunk => model.SwitchesTheTrunk;

    internal override IWordHead? Words => model.Words;

    internal override bool GivesScores => model.GivesScores;

    internal override bool MixesStates => model.MixesStates;

    internal override bool KeepsWholeGraph => model.KeepsWholeGraph;

    internal override bool Writes => model.Writes;

    internal override string? PrecomputedPath => model.PrecomputedPath;

    // The examples themselves are in memory.
    internal override RowFormat? RowFormat => null;

    public override EncodedRow? Encode(TExample example, EncodingReport report)
    {
        EncodedRow? row = model.Encode(example, report);
        if (row is not null) _encoded[row] = example;
        return row;
    }

    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        IReadOnlyList<EncodedRow> prepared = model.PrepareRows(rows);
        Dictionary<int, EncodedRow> single = prepared.GroupBy(row => row.Index).Where(group => group.Count() == 1)
            .ToDictionary(group => group.Key, group => group.First());
        _rows = prepared.Count;
        foreach (EncodedRow row in rows)
        {
            if (!_encoded.TryRemove(row, out TExample? example)) continue;
            foreach ((string type, string[] words) in example is TaggedText tagged ? TaggedAugmentation.Entities(tagged) : []) _entities.Add(type, words);
            // Of one text alone, whole.
            if (single.TryGetValue(row.Index, out EncodedRow? own) && Single(example) is { } alone && alone.Length == own.Length) _examples[own] = example;
        }
        return prepared;
    }

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => model.Collate(rows, paddedLength);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment)
    {
        EncodedRow[] changed = [.. rows.Select(row => Changed(row, moment))];
        return model.Collate(changed, Math.Max(paddedLength, changed.Max(row => row.Length)), moment);
    }

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

    internal override WritingCase? CaseOf(TExample example) => model.CaseOf(example);

    internal override IReadOnlyList<ProbeTarget>? ProbeTargets(EncodedRow row) => model.ProbeTargets(row);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows)
    {
        IEnumerable<string> own = model.WarningsAbout(rows);
        int left = _rows - _examples.Count;
        return left == 0 ? own : own.Append($"{left} of {_rows} training rows are not augmented: each is a part of a text, or holds several");
    }

    internal override void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation) => model.Precompute(rows, cancellation);

    internal override void ExportPrecomputed(Action<string, Tensor> write) => model.ExportPrecomputed(write);

    internal override void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault) => model.ImportPrecomputed(read, fault);

    // The model owns the weights: disposing a view frees nothing.
    protected override void Dispose(bool disposing) => base.Dispose(false);

    /// <summary>The example as an epoch of a run shows it.</summary>
    internal TExample Shown(TExample example, int row, BatchMoment moment)
    {
        if (new AugmentationDraw(moment.Seed, moment.Epoch, row, WhetherAtAll).Next() >= settings.Share) return example;
        for (int i = 0; i < settings.Augmentations.Count; i++)
        {
            var draw = new AugmentationDraw(moment.Seed, moment.Epoch, row, i + 1);
            Augmentation augmentation = settings.Augmentations[i];
            object? shown = example switch
            {
                string text => Rewritten(text),
                TaggedText tagged => TaggedAugmentation.Of(tagged, words => augmentation.Apply(words, draw, _entities)),
                IRewritableExample rewritable => rewritable.Rewritten(Rewritten),
                _ => example,
            };
            example = (TExample)shown!;

            string Rewritten(string text)
            {
                AugmentedText words = AugmentedText.Of(text);
                if (words.Words.Count == 0) return text;
                augmentation.Apply(words, draw, _entities);
                return words.Join().Text;
            }
        }
        return example;
    }

    private EncodedRow Changed(EncodedRow row, BatchMoment moment)
    {
        if (!_examples.TryGetValue(row, out TExample? example)) return row;
        TExample shown = Shown(example, row.Index, moment);
        if (ReferenceEquals(shown, example) || Single(shown) is not { TargetCount: > 0 } changed) return row;
        changed.Index = row.Index;
        changed.Origin = row;
        return changed;
    }

    // Null: it is not one row.
    private EncodedRow? Single(TExample example) => model.Encode(example, _unread) is { } row && model.PrepareRows([row]) is [{ } only] ? only : null;
}
