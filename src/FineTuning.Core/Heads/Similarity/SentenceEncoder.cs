using FineTuning.Adapters;
using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Texts into vectors whose cosine says how close their meanings are: a pretrained encoder, its tokenizer, pooling and what follows it.</summary>
/// <remarks>
/// Encoding is thread-safe; while a run trains the model it is refused. It is trained by <c>FineTuner.For(encoder.With(SimilarityLoss...))</c>.
/// The caller that creates the model disposes it.
/// </remarks>
public sealed class SentenceEncoder : IPredictor<string, float[]>, IDisposable
{
    private ModelAdapters? _adapters;
    private readonly SentenceFiles _files;
    private readonly PoolingModule _pooling;
    private readonly List<SentenceModule> _tail = [];
    private readonly string _prompt;

    private SentenceEncoder(OutputHead head, PretrainedTokenizer tokenizer, SentenceFiles files, SentenceEncoderOptions options)
    {
        (Head, Tokenizer, _files) = (head, tokenizer, files);
        head.Trunk.Tokenizer ??= tokenizer;
        int asked = options.MaximumLength ?? Math.Min(files.MaximumLength ?? int.MaxValue, head.Trunk.Plan.MaximumTokens ?? int.MaxValue);
        MaximumLength = SequenceLimit.Resolve(head.Trunk, tokenizer, asked == int.MaxValue ? null : asked);
        int width = head.Trunk.Plan.HiddenSize;
        _pooling = options.Pooling is { } modes ? new(modes)
            : files.PoolingFolder is { } folder ? PoolingModule.Read(
                SentenceFiles.ReadObject(Path.Combine(folder, "config.json")) ?? throw new CheckpointException(folder, "it holds no config.json"), width)
            : new([SentencePooling.Mean]);
        _prompt = options.Prompt ?? (files.DefaultPrompt is { } name ? files.Prompts.GetValueOrDefault(name, "") : "");
        // Dense layers after the pooling are saved in files of their own: they are in a set of their own.
        Weights = new WeightSet(head.Weights);
        width *= _pooling.Modes.Count;
        for (int i = 0; i < files.Tail.Count; i++)
        {
            if (files.Tail[i].Kind == "Dense") _tail.Add(DenseModule.Load(files.Tail[i].Folder, width, $"dense.{i}", Weights, head.Device));
            else if (options.Normalize != false) _tail.Add(new NormalizeModule());
            width = _tail.Count > 0 ? _tail[^1].WidthAfter(width) : width;
        }
        if (options.Normalize == true && (_tail.Count == 0 || _tail[^1] is not NormalizeModule)) _tail.Add(new NormalizeModule());
        Dimension = width;
    }

    /// <summary>The trunk.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>What became of every tensor of the checkpoint.</summary>
    public LoadReport LoadReport => Head.LoadReport;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>Tokens, special ones included, after which a text is cut.</summary>
    public int MaximumLength { get; }

    /// <summary>How many numbers a vector has.</summary>
    public int Dimension { get; }

    /// <summary>How tokens become one vector.</summary>
    public IReadOnlyList<SentencePooling> Pooling => _pooling.Modes;

    /// <summary>Whether vectors have length 1.</summary>
    public bool IsNormalized => _tail.Count > 0 && _tail[^1] is NormalizeModule;

    /// <summary>Texts that the folder names to be put before a text, by their use (query, passage).</summary>
    public IReadOnlyDictionary<string, string> Prompts => _files.Prompts;

    /// <summary>All weights: the trunk's and those of dense layers after the pooling.</summary>
    public WeightSet Weights { get; }

    /// <summary>Where the weights are.</summary>
    public Device Device => Head.Device;

    /// <summary>Loads an encoder; see <c>Pretrained.SentenceEncoder</c>.</summary>
    internal static SentenceEncoder Load(Backbone backbone, SentenceEncoderOptions? options)
    {
        options ??= new SentenceEncoderOptions();
        options.Members().Require(nameof(options));
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        // A folder may name another one inside it for the head; what comes from memory is a plain head.
        SentenceFiles files = backbone.Folder is { } folder ? SentenceFiles.Read(folder) : new SentenceFiles { EncoderFolder = backbone.Name };
        if (backbone.Folder is not null) backbone = Backbone.Of(files.EncoderFolder);
        PretrainedTokenizer tokenizer = backbone.Tokenizer();
        OutputHead head = backbone.Head(HeadKind.None, 0, options.LoadOptions());
        try
        {
            if (files.PoolingFolder is null && options.Pooling is null && options.Logger is { } logger) SimilarityLog.PlainEncoder(logger, backbone.Name);
            return new(head, tokenizer, files, options);
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    /// <summary>The vector of a text.</summary>
    /// <param name="text">May be empty.</param>
    /// <returns>[<see cref="Dimension"/>]</returns>
    public float[] Encode(string text) => Encode([text])[0];

    /// <summary>The vectors of texts, in their order; computed in batches of similar length.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="prompt">A text put before each, instead of the one the model was loaded with.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <returns>One vector of <see cref="Dimension"/> numbers a text.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public float[][] Encode(IReadOnlyList<string> texts, string? prompt = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        new NullMembers().Entries(texts, nameof(texts)).Require(nameof(texts));
        return EncodeTokens([.. texts.Select(text => Tokenize(text, prompt))], cancellation);
    }

    /// <summary>The vectors of tokenized texts, in their order.</summary>
    internal float[][] EncodeTokens(TokenizedText[] texts, CancellationToken cancellation)
    {
        TokenizedRow[] rows = [.. texts.Select(Row)];
        for (int i = 0; i < rows.Length; i++) rows[i].Index = i;
        return PredictionBatches.Run(Weights, rows, (batch, _) =>
            PredictionBatches.Split(Embed(Stack(batch), ForwardContext.Evaluation()), batch.Length), cancellation);
    }

    /// <summary>The cosine of two texts' vectors, from -1 to 1.</summary>
    /// <param name="first">A text.</param>
    /// <param name="second">Another.</param>
    public double Similarity(string first, string second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        float[][] vectors = Encode([first, second]);
        return Vectors.Cosine(vectors[0], vectors[1]);
    }

    /// <summary>The encoder as a model that learns by a loss; tuning it tunes this encoder.</summary>
    /// <typeparam name="TExample">What the loss learns from; inferred.</typeparam>
    /// <param name="loss">For example <c>SimilarityLoss.MultipleNegatives()</c>.</param>
    /// <param name="chunkSize">
    /// Texts that go through the encoder at once: a batch then needs the memory of so many texts only, however large it is, for one more forward pass
    /// (Gao et al. 2021); the gradient is that of the whole batch. Null: all texts of a batch stay in memory.
    /// </param>
    /// <returns>A view: this encoder owns the weights and is the one to dispose.</returns>
    /// <exception cref="InvalidOptionsException">The loss's settings or the size are out of range.</exception>
    public TunableModel<TExample> With<TExample>(SimilarityLoss<TExample> loss, int? chunkSize = null)
    {
        ArgumentNullException.ThrowIfNull(loss);
        Weights.ThrowIfClosed();
        var violations = new List<string>();
        loss.CollectViolations(violations);
        if (chunkSize is < 1) violations.Add($"the chunk size is {chunkSize}: it is 1 text or more");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return new SimilarityModel<TExample>(this, loss, chunkSize);
    }

    /// <summary>
    /// Writes the model as a folder that sentence-transformers opens: modules.json, 1_Pooling, weights, tokenizer files. The folder is whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        AtomicFolder.Write(folder, WriteTo);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        Head.Dispose();
        _adapters?.Dispose();
    }

    float[] IPredictor<string, float[]>.Predict(string input) => Encode(input);

    IReadOnlyList<float[]> IPredictor<string, float[]>.PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation) =>
        Encode(inputs, null, cancellation);

    /// <summary>Writes all files into an existing folder.</summary>
    internal void WriteTo(string folder)
    {
        using WeightPass pass = Weights.Enter();
        Head.Save(folder);
        Tokenizer.Save(folder);
        _files.Write(folder, _pooling, Trunk.Plan.HiddenSize, _tail, MaximumLength);
    }

    /// <summary>The base checkpoint: the trunk, and the pooler that it may hold.</summary>
    internal OutputHead Head { get; }

    /// <summary>The adapters on the encoder; a run tunes one with <c>WithAdapter</c>.</summary>
    public ModelAdapters Adapters => _adapters ??= new(Head);

    internal TokenizedText Tokenize(string text, string? prompt = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        // sentence-transformers trims texts and puts the prompt before them as it is.
        string whole = ((prompt ?? _prompt) + text).Trim();
        return Tokenizer.Encode(_files.LowerCase ? whole.ToLowerInvariant() : whole, null,
            new TokenizingOptions { MaximumLength = MaximumLength, Truncation = TruncationStrategy.LongestFirst });
    }

    /// <summary>What decides how a text is encoded, besides the tokenizer.</summary>
    internal IReadOnlyList<object?> RowSettings => [MaximumLength, _prompt, _files.LowerCase, Trunk.Plan.TypeVocabularySize];

    internal TokenizedRow Row(TokenizedText tokens) => EncoderText.Row(Trunk, tokens);

    internal TrunkInput Stack(IReadOnlyList<EncodedRow> rows) =>
        TokenizedBatch.Stack(rows, rows.Max(row => row.Length), EncoderText.PadId(Trunk, Tokenizer), Device);

    /// <returns>[rows, dimension], float32</returns>
    internal Tensor Embed(TrunkInput input, ForwardContext context)
    {
        Tensor hidden = Trunk.Hidden(input, context, _pooling.Modes is [SentencePooling.FirstToken] ? WantedStates.First : WantedStates.All);
        Tensor embeddings = _pooling.Forward(hidden.to(context.ResultType), input.Mask);
        foreach (SentenceModule module in _tail) embeddings = module.Forward(embeddings, context);
        return embeddings;
    }
}
