using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A pretrained encoder, its tokenizer and a head over texts or pairs of texts: what text classification and regression share.</summary>
/// <typeparam name="TExample">What the user trains on.</typeparam>
/// <typeparam name="TPrediction">What the model answers.</typeparam>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public abstract class TextTask<TExample, TPrediction> : TunableModel<TExample>, IPredictor<string, TPrediction>
{
    private readonly TruncationStrategy _truncation;
    private readonly UntrainedHead _head;

    private protected TextTask(OutputHead head, PretrainedTokenizer tokenizer, TextOptions options, string name)
    {
        _head = new(head, name, options.Logger);
        _truncation = options.Truncation;
        Head = head;
        Tokenizer = tokenizer;
        MaximumLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumLength, cuts: options.Truncation != TruncationStrategy.None);
    }

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head { get; }

    private protected override OutputHead? AdaptedHead => Head;

    /// <summary>The trunk, on which other heads may sit too.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>Tokens, special ones included, after which a text is cut.</summary>
    public int MaximumLength { get; }

    /// <inheritdoc/>
    public override WeightSet Weights => Head.Weights;

    /// <inheritdoc/>
    public override int OutputsPerToken => Head.Outputs;

    /// <inheritdoc/>
    public override Device Device => Head.Device;

    /// <summary>Whether the head was drawn fresh (see <see cref="LoadReport.Fresh"/>) and nothing has trained it: answers mean nothing yet.</summary>
    public bool HasUntrainedHead => _head.IsUntrained;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The text is longer than the model takes, and is not to be cut.</exception>
    /// <exception cref="NonFiniteException">The model computed NaN or infinite numbers.</exception>
    public TPrediction Predict(string input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Predict(input, null);
    }

    /// <summary>The answer to a pair of texts.</summary>
    /// <param name="text">The first text.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    public TPrediction Predict(string text, string? pair) => PredictBatch([(text, pair)])[0];

    /// <inheritdoc/>
    public IReadOnlyList<TPrediction> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return PredictBatch([.. inputs.Select(text => (text, (string?)null))], cancellation);
    }

    /// <summary>The answers to many texts or pairs, in their order; computed in batches of similar length.</summary>
    /// <param name="inputs">The texts; a pair of null: there is none.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="ArgumentException">A text is null, or longer than the model takes while it is not to be cut.</exception>
    /// <exception cref="NonFiniteException">The model computed NaN or infinite numbers.</exception>
    public IReadOnlyList<TPrediction> PredictBatch(IReadOnlyList<(string Text, string? Pair)> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var texts = new TokenizedText[inputs.Count];
        for (int i = 0; i < texts.Length; i++)
        {
            if (inputs[i].Text is null) throw new ArgumentException($"text {i} is null; give an empty text where there is nothing", nameof(inputs));
            texts[i] = Tokenize(inputs[i].Text, inputs[i].Pair);
        }
        _head.Answers();
        float[][] logits = Logits(texts, cancellation);
        return [.. logits.Select((row, i) => Decode(row, texts[i]))];
    }

    /// <summary>
    /// Writes the model as a folder that Hugging Face's libraries open: config.json, model.safetensors, tokenizer files. The folder is whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder) => HeadFolder.Save(folder, Head, Tokenizer, Labels());

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new TokenizedBatch(rows, paddedLength, TokenizedBatch.Stack(rows, paddedLength, PadId, Device));

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var tokens = OwnRows.Batch<TokenizedBatch>(batch);
        return LossOf(Head.Logits(tokens.Input, context), tokens);
    }

    internal override (Tensor Loss, Tensor Scores) ScoredLoss(Batch batch, ForwardContext context)
    {
        var tokens = (TokenizedBatch)batch;
        Tensor logits = Head.Logits(tokens.Input, context);
        return (LossOf(logits, tokens), logits);
    }

    internal override bool MixesStates => true;

    internal override Tensor MixedLoss(Batch batch, Batch partners, double share, ForwardContext context)
    {
        (TokenizedBatch tokens, TokenizedBatch others) = ((TokenizedBatch)batch, (TokenizedBatch)partners);
        // The partners' pass has dropout of its own.
        Tensor own = Head.States(tokens.Input, context), theirs = Head.States(others.Input, context.Apart(int.MaxValue - 1));
        Tensor logits = Head.ScoreStates((own * Held(1 - share)).Plus(theirs * Held(share)), context);
        return (LossOf(logits, tokens) * Held(1 - share)).Plus(LossOf(logits, others) * Held(share));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Head.Dispose();
    }

    internal int PadId => EncoderText.PadId(Trunk, Tokenizer);

    /// <exception cref="ArgumentException">The text is longer than the model takes, and is not to be cut.</exception>
    internal TokenizedText Tokenize(string text, string? pair)
    {
        ArgumentNullException.ThrowIfNull(text);
        TokenizedText tokens = TokensOf(text, pair);
        return TooLong(text, tokens) is { } problem ? throw new ArgumentException(problem, nameof(text)) : tokens;
    }

    private TokenizedText TokensOf(string text, string? pair)
    {
        // An empty second text is none, as in Hugging Face's pipelines: there is nothing to separate.
        return Tokenizer.Encode(text, string.IsNullOrEmpty(pair) ? null : pair,
            new TokenizingOptions { MaximumLength = MaximumLength, Truncation = _truncation });
    }

    private string? TooLong(string text, TokenizedText tokens) => tokens.Ids.Length <= MaximumLength ? null
        : $"the text \"{Excerpt.Of(text)}\" has {tokens.Ids.Length} tokens, but the model takes {MaximumLength}; shorten it, or let it be cut (Truncation)";

    /// <summary>The tokens of a training example, with what was cut and what was empty counted.</summary>
    private protected TokenizedText Tokenize(string text, string? pair, EncodingReport report)
    {
        TokenizedText tokens = TokensOf(ExampleParts.Require(text, "text"), pair);
        if (TooLong(text, tokens) is { } problem) throw new TrainingDataException(problem);
        report.Truncated(tokens.TruncatedTokens);
        if (string.IsNullOrWhiteSpace(text)) report.Empty();
        return tokens;
    }

    /// <summary>What each word did to an output; see <see cref="TextExplanation"/>.</summary>
    private protected TextExplanation Explain(string text, string? pair, Func<float[], int> choose, Func<float[], (string Label, double Score)> name)
    {
        TokenizedText tokens = Tokenize(text, pair);
        using WeightPass pass = Weights.Enter();
        _head.Answers();
        int[][] words = WordErasure.Words(tokens);
        TokenizedRow whole = EncoderText.Row(Trunk, tokens);
        float[][] logits = PredictionBatches.Run(Weights, [whole, .. words.Select(word => WordErasure.Without(whole, word))], Logits, CancellationToken.None);
        int output = choose(logits[0]);
        double[] values = [.. words.Select((_, i) => (double)logits[0][output] - logits[i + 1][output])];
        (string label, double score) = name(logits[0]);
        return TextExplanation.Of(text, string.IsNullOrEmpty(pair) ? null : pair, label, score, tokens, words, values, logits[0][output]);
    }

    /// <summary>Type ids, or null where all are 0 or the model takes none.</summary>
    internal int[]? TypesOf(TokenizedText tokens) => EncoderText.TypesOf(Trunk, tokens);

    private protected abstract SavedLabels Labels();

    internal override RowFormat RowFormat =>
        new(TargetRow.Read, Tokenizer, [MaximumLength, _truncation, Trunk.Plan.TypeVocabularySize, .. RowSettings]);

    /// <summary>What else decides how an example is encoded.</summary>
    private protected abstract IReadOnlyList<object?> RowSettings { get; }

    /// <summary>The sum of the losses, a scalar.</summary>
    private protected abstract Tensor LossOf(Tensor logits, TokenizedBatch batch);

    private protected abstract TPrediction Decode(ReadOnlySpan<float> logits, TokenizedText tokens);

    /// <summary>The unprocessed outputs for each text, in their order; computed in batches of similar length.</summary>
    internal float[][] Logits(TokenizedText[] texts, CancellationToken cancellation)
    {
        TokenizedRow[] rows = [.. texts.Select((text, index) => new TokenizedRow(text.Ids, TypesOf(text)) { Index = index })];
        return PredictionBatches.Run(Weights, rows, Logits, cancellation);
    }

    private float[][] Logits(TokenizedRow[] rows, int length) =>
        PredictionBatches.Split(Head.Logits(TokenizedBatch.Stack(rows, length, PadId, Device), ForwardContext.Evaluation()), rows.Length);
}
