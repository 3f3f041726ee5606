using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Generation;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A pretrained decoder with its tokenizer and its head over the vocabulary: what models of texts and of conversations share.</summary>
/// <typeparam name="TExample">What the user trains on.</typeparam>
/// <remarks>Generation is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public abstract class CausalTextModel<TExample> : GenerativeModel<TExample>
{
    private readonly LanguageModelOptions _options;
    private readonly LanguageLoss _loss;

    private protected CausalTextModel(OutputHead head, PretrainedTokenizer tokenizer, LanguageModelOptions options, GenerationConfigFile file)
        : base(head, tokenizer, options, file)
    {
        (_options, _loss) = (options, new(head, options.LabelSmoothing, options.DynamicFineTuning));
        MaximumLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumLength);
        Encoding = new(tokenizer, new(MaximumLength, options.Learned, options.LostTargets, options.Packing), Path.GetDirectoryName(head.Trunk.Config.FilePath));
    }

    /// <summary>Tokens of a training row, special ones included.</summary>
    public int MaximumLength { get; }

    private protected CausalEncoding Encoding { get; }

    /// <summary>Whether a text is a turn of a conversation.</summary>
    private protected virtual bool IsChat => false;

    private protected Tensors.Precision Precision => _options.Precision;

    /// <summary>
    /// The model as one that learns which completions are better: <c>FineTuner.For(model.With(PreferenceLoss.Dpo(beta: 0.1)))</c>. Tuning it tunes this model.
    /// </summary>
    /// <typeparam name="TPreference">What the loss learns from; inferred.</typeparam>
    /// <param name="loss">For example <c>PreferenceLoss.Dpo()</c>.</param>
    /// <param name="reference">
    /// With which log-probabilities are compared, by a loss that needs it; of this vocabulary, and alive as long as the view is used. Null: this model as it is
    /// before the view's first run or evaluation, with its adapter switched off.
    /// </param>
    /// <returns>
    /// A view: this model owns the weights and is the one to dispose. Completions are learned whatever the options' packing and learned tokens say, nothing is
    /// dropped, and log-probabilities under the reference are computed once and kept.
    /// </returns>
    /// <exception cref="InvalidOptionsException">The loss's settings are out of range, or the reference does not fit.</exception>
    public TunableModel<TPreference> With<TPreference>(PreferenceLoss<TPreference> loss, OutputHead? reference = null)
    {
        ArgumentNullException.ThrowIfNull(loss);
        Weights.ThrowIfClosed();
        var violations = new List<string>();
        loss.CollectViolations(violations);
        if (reference is not null && !loss.NeedsReference) violations.Add("the loss compares with no reference: give none");
        if (reference is not null) CollectMisfits("reference", reference, violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        var rules = new CausalRules(MaximumLength, LearnedTokens.Answers, _options.LostTargets, PackingStrategy.None);
        var source = new PreferenceSource(Head, Tokenizer, rules, IsChat, Adapters);
        return loss.On(source, reference is null || ReferenceEquals(reference.Trunk, Trunk) ? null : reference);
    }

    /// <summary>
    /// The model as one that learns a teacher's distributions over the next word instead of the words alone (Hinton et al. 2015), on the same examples.
    /// Tuning it tunes this model.
    /// </summary>
    /// <param name="teacher">A head over the same vocabulary, on the same device; it must live as long as the view is used.</param>
    /// <param name="mixture">
    /// From 0, KL(teacher || model), over the generalised Jensen-Shannon divergence (Agarwal et al. 2024, equation 1) to 1, KL(model || teacher).
    /// </param>
    /// <param name="temperature">What both scores are divided by, above 0.</param>
    /// <returns>A view: this model owns the weights and is the one to dispose. Its <c>loss</c> is the mean divergence of a token.</returns>
    /// <exception cref="InvalidOptionsException">A number is out of range, or the teacher does not fit.</exception>
    public TunableModel<TExample> DistilledFrom(OutputHead teacher, double mixture = 0.5, double temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(teacher);
        Weights.ThrowIfClosed();
        var violations = new List<string>();
        if (mixture is not (>= 0 and <= 1)) violations.Add($"the mixture is {mixture}: it is from 0 to 1");
        if (!(temperature > 0 && double.IsFinite(temperature))) violations.Add($"the temperature is {temperature}: it is above 0 and finite");
        CollectMisfits("teacher", teacher, violations);
        if (ReferenceEquals(teacher.Trunk, Trunk)) violations.Add("the teacher sits on the trunk that is to be trained: load it for itself");
        if (teacher.Device.ToString() != Device.ToString()) violations.Add($"the teacher is on {teacher.Device}, the model on {Device}: load both on one");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return new DistilledModel<TExample>(this, teacher, mixture, temperature);
    }

    /// <summary>What is learned of an example, as text: each stretch of learned tokens, special tokens written out. To look at a mask before a run.</summary>
    /// <param name="example">As a run is given it.</param>
    /// <returns>The stretches in order; empty where nothing of the example is learned.</returns>
    /// <exception cref="TrainingDataException">The record makes a run worthless, as in a run.</exception>
    public IReadOnlyList<string> LearnedTexts(TExample example)
    {
        Weights.ThrowIfClosed();
        if (Encode(example, new EncodingReport()) is not CausalRow row) return [];
        var stretches = new List<string>();
        for (int start = 0; start < row.Length;)
        {
            int end = start;
            while (end < row.Length && row.IsTarget(end)) end++;
            if (end > start) stretches.Add(Tokenizer.Decode(row.TokenIds.AsSpan(start, end - start), skipSpecialTokens: false));
            start = Math.Max(end, start + 1);
        }
        return stretches;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        return [.. Learned(CausalPacking.Rows(rows, MaximumLength, _options.Packing))];
    }

    internal override RowFormat RowFormat => new(CausalRow.Read, Tokenizer, [MaximumLength, _options.Learned, _options.LostTargets, _options.Packing, IsChat])
    {
        Arrange = texts => Learned(_options.Packing == PackingStrategy.Wrapped ? CausalPacking.Wrapped(texts, MaximumLength) : texts),
        // Which texts share a row depends on the lengths of all of them.
        ArrangeAll = _options.Packing is not (PackingStrategy.Whole or PackingStrategy.Split) ? null
            : (texts, lengths) => Learned(CausalPacking.BestFit(texts, lengths, MaximumLength, _options.Packing)),
    };

    internal override string? WhyInputsChange =>
        _options.Packing == PackingStrategy.PaddingFree ? "texts of a batch stand in one row (PackingStrategy.PaddingFree), with others in every epoch" : null;

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        if (_options.Packing == PackingStrategy.PaddingFree) return LanguageBatch.Flattened(rows, Device);
        OwnRows.CheckLength(rows, paddedLength);
        return LanguageBatch.OfTexts(rows, paddedLength, EncoderText.PadId(Trunk, Tokenizer), Device);
    }

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return _loss.Sum(batch, context);
    }

    internal override IWordHead Words => _loss;

    // A piece of a text of which nothing is learned would be computed for nothing.
    private static IEnumerable<EncodedRow> Learned(IEnumerable<EncodedRow> rows) => rows.Where(row => row.TargetCount > 0);

    private void CollectMisfits(string name, OutputHead other, List<string> violations)
    {
        if (other.Kind == HeadKind.CausalLanguage && other.Outputs == Head.Outputs) return;
        violations.Add($"the {name} is a head for {other.Kind} with {other.Outputs} outputs; "
            + $"one for {HeadKind.CausalLanguage} with {Head.Outputs} was expected");
    }

    private protected static TModel Load<TModel>(
        Backbone backbone, LanguageModelOptions? options, Func<OutputHead, PretrainedTokenizer, LanguageModelOptions, GenerationConfigFile, TModel> make)
    {
        options ??= new LanguageModelOptions();
        return LanguageHeads.Open(backbone, HeadKind.CausalLanguage, options, (head, tokenizer, file) => make(head, tokenizer, options, file));
    }
}

/// <summary>Opens checkpoints with a head over the vocabulary.</summary>
internal static class LanguageHeads
{
    /// <exception cref="InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    /// <exception cref="CheckpointException">The checkpoint has no such head.</exception>
    public static TModel Open<TModel>(
        Backbone backbone, HeadKind kind, GenerativeOptions options, Func<OutputHead, PretrainedTokenizer, GenerationConfigFile, TModel> make)
    {
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return backbone.Open(kind, 0, options.LoadOptions(), (head, tokenizer) =>
        {
            if (!options.FreshHead && Missing(head) is { } missing)
            {
                throw new CheckpointException(backbone.Name, $"it has no head for {kind.Name}: {missing}; choose a checkpoint that was saved as " +
                    $"{head.Trunk.Model.ClassOf(kind)}, or set FreshHead where its output layer is to be trained");
            }
            return make(head, tokenizer, TextGenerator.FileOf(backbone.Folder, head));
        });
    }

    private static string? Missing(OutputHead head)
    {
        if (head.LoadReport.Fresh.Count > 0) return $"{string.Join(", ", head.LoadReport.Fresh.Take(5))} is missing";
        // An output layer that is tied to the embeddings exists in every checkpoint; one that was tuned for a task no longer writes.
        bool isOfTask = new CheckpointHead(head.Trunk.Config).IsOfTask == true;
        return isOfTask ? $"config.json says that it is a {string.Join(", ", head.Trunk.Config.Words("architectures").Take(3))}" : null;
    }
}
