using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>
/// A pretrained encoder with its masked-language head: trained on plain texts of a domain before a task, or asked what could stand instead of a mask.
/// </summary>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class MaskedLanguageModel : TunableModel<string>, IPredictor<string, FilledText>
{
    // Draws of evaluations never meet those of a run, even where the seeds are equal.
    private const long OutsideARun = -1;

    private readonly MaskedLanguageOptions _options;
    private readonly TokenMasking _masking;
    private readonly TextWindows _windows;
    private readonly UntrainedHead _head;

    private MaskedLanguageModel(OutputHead head, PretrainedTokenizer tokenizer, MaskedLanguageOptions options, int maskId, string name)
    {
        _head = new(head, name, options.Logger);
        (Head, Tokenizer, _options, MaskId) = (head, tokenizer, options, maskId);
        MaximumLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumLength);
        int[] ordinary = [.. Enumerable.Range(0, head.Trunk.Plan.VocabularySize).Where(id => tokenizer.Token(id) is not null && !tokenizer.IsSpecial(id))];
        _masking = new(options, maskId, ordinary.Length > 0 ? ordinary : [maskId]);
        _windows = new(tokenizer, MaximumLength, options);
        if (!_windows.HasRoom) throw new InvalidOptionsException([$"MaximumLength is {MaximumLength}: the tokenizer's special tokens leave no room for text"]);
    }

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head { get; }

    private protected override OutputHead? AdaptedHead => Head;

    /// <summary>The trunk, on which other heads may sit too.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>Tokens of a row, special ones included.</summary>
    public int MaximumLength { get; }

    /// <summary>The id of the mask token.</summary>
    public int MaskId { get; }

    /// <inheritdoc/>
    public override WeightSet Weights => Head.Weights;

    /// <inheritdoc/>
    public override int OutputsPerToken => (int)Math.Ceiling(Trunk.Plan.VocabularySize * _options.Probability);

    /// <inheritdoc/>
    public override Device Device => Head.Device;

    /// <inheritdoc/>
    public override string PrimaryMetric => "perplexity";

    /// <summary>Whether the head was drawn fresh (see <see cref="LoadReport.Fresh"/>) and nothing has trained it: answers mean nothing yet.</summary>
    public bool HasUntrainedHead => _head.IsUntrained;

    internal TruncationStrategy Truncation => _options.Truncation;

    internal int PadId => EncoderText.PadId(Trunk, Tokenizer);

    /// <summary>Loads a masked language model; see <c>Pretrained.MaskedLanguageModel</c>.</summary>
    internal static MaskedLanguageModel Load(Backbone backbone, MaskedLanguageOptions? options)
    {
        options ??= new MaskedLanguageOptions();
        options.Members().Require(nameof(options));
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return backbone.Open(HeadKind.MaskedLanguage, 0, options.LoadOptions(), Make);

        MaskedLanguageModel Make(OutputHead head, PretrainedTokenizer tokenizer)
        {
            if (tokenizer.MaskId is not { } mask)
                throw new CheckpointException(backbone.Name, "its tokenizer has no mask token; "
                    + "choose a checkpoint that was pretrained with masks, or name one in tokenizer_config.json (mask_token)");
            if (mask >= head.Trunk.Plan.VocabularySize)
                throw new CheckpointException(backbone.Name, $"the mask token has the id {mask}, "
                    + $"but the model's vocabulary ends at {head.Trunk.Plan.VocabularySize - 1}");
            return new(head, tokenizer, options, mask, backbone.Name);
        }
    }

    /// <inheritdoc/>
    public override EncodedRow? Encode(string example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        MaskableRow? row = _windows.Of(example);
        if (row is null) report.Empty();
        return row;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. _windows.PrepareRows(rows)];
    }

    internal override RowFormat RowFormat => new(MaskableRow.Read, Tokenizer, [MaximumLength, _options.WholeWords, _options.Packing, _options.Probability])
        { Arrange = _windows.PrepareRows };

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => Collate(rows, paddedLength, new BatchMoment(_options.Seed, OutsideARun));

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment)
    {
        OwnRows.CheckLength(rows, paddedLength);
        return MaskedBatch.Of(rows, paddedLength, PadId, Device, _masking, moment);
    }

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var masked = OwnRows.Batch<MaskedBatch>(batch);
        return Losses.CrossEntropy(Head.LogitsAt(masked.Input, masked.Positions(Device), context), masked.Targets(Device), null, null, 0);
    }

    internal override IWordHead Words => new MaskedWords(this);

    /// <summary>What a user's metric gets: the id of the masked token and the most probable one.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(int), typeof(int));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new Evaluation(this);

    /// <summary>The five most probable tokens for each mask.</summary>
    /// <param name="input">A text with at least one mask token, for example <c>[MASK]</c>.</param>
    /// <exception cref="ArgumentException">The text has no mask, or the mask was cut away.</exception>
    public FilledText Predict(string input) => PredictBatch([input], new FillOptions())[0];

    /// <summary>The most probable tokens for each mask.</summary>
    /// <param name="input">A text with at least one mask token.</param>
    /// <param name="options">How many, and among which.</param>
    /// <exception cref="ArgumentException">The text has no mask, or the options are out of range.</exception>
    public FilledText Predict(string input, FillOptions options) => PredictBatch([input], options)[0];

    /// <inheritdoc/>
    public IReadOnlyList<FilledText> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default) =>
        PredictBatch(inputs, new FillOptions(), cancellation);

    /// <summary>The most probable tokens for each mask of many texts, in their order.</summary>
    /// <param name="inputs">Texts with at least one mask token each.</param>
    /// <param name="options">How many, and among which.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="ArgumentException">A text has no mask, or the options are out of range.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IReadOnlyList<FilledText> PredictBatch(IReadOnlyList<string> inputs, FillOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        _head.Answers();
        return new MaskFilling(this, options).Fill(inputs, cancellation);
    }

    /// <summary>
    /// Writes the model as a folder that Hugging Face's libraries open, and from which any other head can be started. The folder is whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder) => HeadFolder.Save(folder, Head, Tokenizer);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Head.Dispose();
    }

    /// <summary>The tokens behind masks.</summary>
    private sealed class MaskedWords(MaskedLanguageModel model) : IWordHead
    {
        public OutputHead Head => model.Head;

        public Tensor States(Batch batch, ForwardContext context)
        {
            var masked = OwnRows.Batch<MaskedBatch>(batch);
            using WeightPass pass = Head.Weights.Enter();
            return Head.Trunk.Hidden(masked.Input, context, WantedStates.At(masked.Positions(model.Device)));
        }

        public Tensor SumLoss(Batch batch, Tensor states, ForwardContext context) =>
            Head.SumLosses(states, OwnRows.Batch<MaskedBatch>(batch).Targets(model.Device), null, 0, context);

        public Tensor? Weights(Batch batch) => null;
    }

    private sealed class Evaluation(MaskedLanguageModel model) : IEvaluation
    {
        private readonly MetricCollector<int, int> _user = model.CollectMetrics<int, int>();
        private readonly MeanLoss _loss = new();
        private double _right;

        public void Add(Batch batch, ForwardContext context)
        {
            var masked = OwnRows.Batch<MaskedBatch>(batch);
            if (masked.TargetCount == 0) return;
            Tensor logits = model.Head.LogitsAt(masked.Input, masked.Positions(model.Device), context), targets = masked.Targets(model.Device);
            _loss.Add(Losses.CrossEntropy(logits, targets, null, null, 0), masked.TargetCount);
            Tensor best = logits.argmax(1);
            _right += best.eq(targets).sum().Number();
            if (_user.Any)
            {
                foreach ((long target, long token) in targets.cpu().data<long>().ToArray().Zip(best.cpu().data<long>().ToArray()))
                    _user.Add((int)target, (int)token);
            }
        }

        public MetricReport Report() =>
            _user.Extend(
                new([MetricValue.Lower("loss", _loss.Value), MetricValue.Lower("perplexity", Math.Exp(_loss.Value)),
                    MetricValue.Higher("accuracy", _right / _loss.Count, "no token was masked")]));
    }
}
