using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A pretrained encoder, its tokenizer and a head over texts or pairs of texts: what text classification and regression share.</summary>
/// <typeparam name="TExample">What the user trains on.</typeparam>
/// <typeparam name="TPrediction">What the model answers.</typeparam>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public abstract class TextTask<TExample, TPrediction> : TunableModel<TExample>, IPredictor<string, TPrediction>
{
    private readonly TruncationStrategy _truncation;

    private protected TextTask(EncoderModel encoder, PretrainedTokenizer tokenizer, TextOptions options)
    {
        _truncation = options.Truncation;
        Encoder = encoder;
        Tokenizer = tokenizer;
        MaximumLength = SequenceLimit.Resolve(encoder.Spec, tokenizer, options.MaximumLength, cuts: options.Truncation != TruncationStrategy.None);
    }

    /// <summary>The trunk and its head.</summary>
    public EncoderModel Encoder { get; }

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>Tokens, special ones included, after which a text is cut.</summary>
    public int MaximumLength { get; }

    /// <inheritdoc/>
    public override WeightSet Weights => Encoder.Weights;

    /// <inheritdoc/>
    public override int OutputsPerToken => Encoder.Outputs;

    /// <inheritdoc/>
    public override Device Device => Encoder.Device;

    /// <inheritdoc/>
    public TPrediction Predict(string input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Predict(input, null);
    }

    /// <summary>The answer to a pair of texts.</summary>
    /// <param name="text">The first text.</param>
    /// <param name="pair">The second text; null: there is none.</param>
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
    public IReadOnlyList<TPrediction> PredictBatch(IReadOnlyList<(string Text, string? Pair)> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var texts = new TokenizedText[inputs.Count];
        for (int i = 0; i < texts.Length; i++) texts[i] = Tokenize(inputs[i].Text, inputs[i].Pair);
        float[][] logits = Logits(texts, cancellation);
        return [.. logits.Select((row, i) => Decode(row, texts[i]))];
    }

    /// <summary>Writes the model as a folder that Hugging Face's libraries open: config.json, model.safetensors, tokenizer files. The folder is whole or as it was.</summary>
    /// <param name="folder">Created if it does not exist; an empty folder or a model is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds something other than a model.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        AtomicFolder.Write(folder, target =>
        {
            Encoder.Save(target, Labels());
            Tokenizer.Save(target);
        });
    }

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new TokenizedBatch(rows, paddedLength, TokenizedBatch.Stack(rows, paddedLength, PadId, Device));

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        var tokens = (TokenizedBatch)batch;
        return LossOf(Encoder.Logits(tokens.Input, context), tokens);
    }

    internal int PadId => Tokenizer.PadId ?? Encoder.Spec.PadTokenId ?? 0;

    internal TokenizedText Tokenize(string text, string? pair)
    {
        ArgumentNullException.ThrowIfNull(text);
        // An empty second text is none, as in Hugging Face's pipelines: there is nothing to separate.
        TokenizedText tokens = Tokenizer.Encode(text, string.IsNullOrEmpty(pair) ? null : pair, new TokenizingOptions { MaximumLength = MaximumLength, Truncation = _truncation });
        if (tokens.Ids.Length > MaximumLength)
        {
            throw new TrainingDataException($"the text \"{Excerpt.Of(text)}\" has {tokens.Ids.Length} tokens, but the model takes {MaximumLength}; shorten it, or let it be cut (Truncation)");
        }
        return tokens;
    }

    /// <summary>The tokens of a training example, with what was cut and what was empty counted.</summary>
    private protected TokenizedText Tokenize(string text, string? pair, EncodingReport report)
    {
        TokenizedText tokens = Tokenize(ExampleParts.Require(text, "text"), pair);
        report.Truncated(tokens.TruncatedTokens);
        if (string.IsNullOrWhiteSpace(text)) report.Empty();
        return tokens;
    }

    /// <summary>What each word did to an output; see <see cref="TextExplanation"/>.</summary>
    private protected TextExplanation Explain(string text, string? pair, Func<float[], int> choose, Func<float[], (string Label, double Score)> name)
    {
        TokenizedText tokens = Tokenize(text, pair);
        using WeightPass pass = Weights.Enter();
        float[] logits = Logits([tokens], CancellationToken.None)[0];
        double[] values = GradientTimesInput.Of(Encoder, new TokenizedRow(tokens.Ids, TypesOf(tokens)), PadId, choose(logits));
        (string label, double score) = name(logits);
        return TextExplanation.Of(text, string.IsNullOrEmpty(pair) ? null : pair, label, score, tokens, values);
    }

    /// <summary>Type ids, or null where all are 0 or the model takes none.</summary>
    internal int[]? TypesOf(TokenizedText tokens) =>
        Encoder.Spec.TypeVocabularySize > 1 && Array.Exists(tokens.TypeIds, id => id != 0) ? tokens.TypeIds : null;

    private protected abstract SavedLabels Labels();

    /// <summary>The sum of the losses, a scalar.</summary>
    private protected abstract Tensor LossOf(Tensor logits, TokenizedBatch batch);

    private protected abstract TPrediction Decode(ReadOnlySpan<float> logits, TokenizedText tokens);

    /// <summary>The unprocessed outputs for each text, in their order; computed in batches of similar length.</summary>
    internal float[][] Logits(TokenizedText[] texts, CancellationToken cancellation)
    {
        TokenizedRow[] rows = [.. texts.Select(text => new TokenizedRow(text.Ids, TypesOf(text)))];
        return PredictionBatches.Run(Weights, rows, Logits, cancellation);
    }

    private float[][] Logits(TokenizedRow[] rows, int length) =>
        PredictionBatches.Split(Encoder.Logits(TokenizedBatch.Stack(rows, length, PadId, Device), ForwardContext.Evaluation()), rows.Length);
}
