using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A tag for each word, and the entities they make: a pretrained encoder with its tokenizer and a token head, with or without a CRF.</summary>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class TokenClassifier : TunableModel<TaggedText>, IPredictor<string, IReadOnlyList<Entity>>
{
    private readonly TaggingEncoder _encoder;
    private readonly TargetTags _targets;
    private readonly TagChain _chain;
    private readonly double _smoothing;
    private readonly UntrainedHead _head;
    private readonly IReadOnlyList<object?> _rowSettings;

    private TokenClassifier(OutputHead head, PretrainedTokenizer tokenizer, TagSet tags, TagChain chain, TokenClassifierOptions options, string name)
    {
        _head = new(head, name, options.Logger);
        (Head, Tokenizer, Tags, _chain, _smoothing) = (head, tokenizer, tags, chain, options.LabelSmoothing);
        MaximumLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumLength);
        _encoder = Sentences(options.ContextTokens, options.LabeledTokens, options.WindowOverlap);
        _targets = new(tags, options.BrokenTags);
        _rowSettings = [options.ContextTokens, options.LabeledTokens, options.WindowOverlap, options.BrokenTags];
        Decoder = new(tags, chain);
    }

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head { get; }

    private protected override OutputHead? AdaptedHead => Head;

    /// <summary>The trunk, on which other heads may sit too.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>The tags in the order of the outputs.</summary>
    public TagSet Tags { get; }

    /// <summary>Tokens in a window, special ones included.</summary>
    public int MaximumLength { get; }

    /// <summary>Whether the head was drawn fresh (see <see cref="LoadReport.Fresh"/>) and nothing has trained it: answers mean nothing yet.</summary>
    public bool HasUntrainedHead => _head.IsUntrained;

    /// <summary>Whether a conditional random field stands above the scores.</summary>
    public bool HasCrf => _chain.IsCrf;

    /// <inheritdoc/>
    public override WeightSet Weights => Head.Weights;

    /// <inheritdoc/>
    public override int OutputsPerToken => Tags.Count;

    /// <inheritdoc/>
    public override Device Device => Head.Device;

    /// <inheritdoc/>
    public override string PrimaryMetric => Tags.Scheme == TaggingScheme.Plain ? "accuracy" : "f1";

    internal SentenceDecoder Decoder { get; }

    /// <summary>Loads a tagger; see <c>Pretrained.TokenClassifier</c>.</summary>
    internal static TokenClassifier Load(Backbone backbone, IReadOnlyList<string>? types, TokenClassifierOptions? options)
    {
        options ??= new TokenClassifierOptions();
        options.Validate();
        new NullMembers().Entries(types, nameof(types)).Require(nameof(types));
        StoredOutputs stored = backbone.Outputs(HeadKind.TokenClassification, options.FreshHead);
        TagSet tags = TagSet.Resolve(types, options, stored, out string? refusal);
        return backbone.Open(HeadKind.TokenClassification, tags.Count, options.LoadOptions(), Make, stored, refusal);

        TokenClassifier Make(OutputHead head, PretrainedTokenizer tokenizer) =>
            new(head, tokenizer, tags, TagChain.Load(stored.Binds ? backbone.Folder : null, head, tags, options), options, backbone.Name);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Entity> Predict(string input) => PredictBatch([input])[0];

    /// <inheritdoc/>
    public IReadOnlyList<IReadOnlyList<Entity>> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default) =>
        PredictBatch(inputs, new EntityOptions(), cancellation);

    /// <summary>The entities of texts, grouped as asked.</summary>
    /// <param name="inputs">The texts.</param>
    /// <param name="options">How scores become entities, what is left out, what happens with long texts.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="InvalidOptionsException">The options contradict each other or the model.</exception>
    public IReadOnlyList<IReadOnlyList<Entity>> PredictBatch(IReadOnlyList<string> inputs, EntityOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        new NullMembers().Entries(inputs, nameof(inputs)).Require(nameof(inputs));
        return EntityFinder.Of(this, options).Texts(inputs, cancellation);
    }

    /// <summary>The entities of sentences that are cut into words; their characters are those of the words joined by the delimiter.</summary>
    /// <param name="inputs">The words of each sentence.</param>
    /// <param name="options">How scores become entities. Null: by words.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="InvalidOptionsException">The options contradict each other or the model.</exception>
    public IReadOnlyList<IReadOnlyList<Entity>> PredictWords(
        IReadOnlyList<IReadOnlyList<string>> inputs, EntityOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var found = new NullMembers().Entries(inputs, nameof(inputs));
        for (int i = 0; i < inputs.Count; i++) found.Entries(inputs[i], $"{nameof(inputs)}[{i}]");
        found.Require(nameof(inputs));
        return EntityFinder.Of(this, options ?? new EntityOptions()).Words(inputs, cancellation);
    }

    /// <summary>
    /// Words with their tags, and entities, of sentences in words or texts; what tags they have themselves is not looked at, their context is.
    /// </summary>
    /// <param name="inputs">The sentences.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public IReadOnlyList<TaggedPrediction> Tag(IReadOnlyList<TaggedText> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        new NullMembers().Entries(inputs, nameof(inputs)).Require(nameof(inputs));
        EncodedSentence[] sentences;
        try
        {
            sentences = [.. inputs.Select(Sentence)];
        }
        catch (TrainingDataException problem)
        {
            throw new ArgumentException(problem.Message, nameof(inputs), problem);
        }
        return Tag(sentences, cancellation);
    }

    /// <summary>Words with their tags, and entities, of a sentence.</summary>
    /// <param name="words">The words.</param>
    public TaggedPrediction Tag(params IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        new NullMembers().Entries(words, nameof(words)).Require(nameof(words));
        return Tag([_encoder.Words(words, [], [])], default)[0];
    }

    /// <summary>
    /// Writes the model as a folder that Hugging Face's libraries open: config.json, model.safetensors, tokenizer files. The folder is whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    /// <remarks>A CRF is saved beside the head (crf.transitions and so on); transformers opens the folder without it and reads each word by itself.</remarks>
    public void Save(string folder) => HeadFolder.Save(folder, Head, Tokenizer, new SavedLabels(Tags.StoredNames));

    /// <inheritdoc/>
    public override EncodedRow? Encode(TaggedText example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        EncodedSentence sentence = Sentence(example);
        ExampleWeight.Check(example.Weight, sentence.Text);
        if (string.IsNullOrWhiteSpace(sentence.Text)) report.Empty();
        sentence.Targets = example is TaggedWords words ? _targets.Of(words, sentence, report) : _targets.Of((AnnotatedText)example, sentence, report);
        report.Note("words without a token, neither learned nor predicted", sentence.Words.Length - sentence.Units.DistinctBy(unit => unit.Word).Count());
        report.Note("sentences longer than a window, read in several", sentence.Windows.Count > 1 ? 1 : 0);
        if (sentence.Units.Length > 0) return new SentenceRow(sentence);
        report.Skip("no word has a token");
        return null;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. Windows(rows)];
    }

    internal override RowFormat RowFormat =>
        new(SentenceWindow.Read, Tokenizer, [MaximumLength, Trunk.Plan.TypeVocabularySize, Tags.Names, Tags.Scheme, .. _rowSettings]) { Arrange = Windows };

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new TokenizedBatch(rows, paddedLength, TokenizedBatch.Stack(rows, paddedLength, EncoderText.PadId(Trunk, Tokenizer), Device));

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var tokens = OwnRows.Batch<TokenizedBatch>(batch);
        return LossOf(UnitLogits(tokens, context), tokens);
    }

    internal override bool GivesScores => !_chain.IsCrf;

    internal override IReadOnlyList<ProbeTarget>? ProbeTargets(EncodedRow row)
    {
        var window = OwnRows.Of<SentenceWindow>(row);
        return [.. window.Owned.Select(unit => new ProbeTarget(unit.Position, window.Sentence.Targets![unit.Unit]))];
    }

    internal override (Tensor Loss, Tensor Scores) ScoredLoss(Batch batch, ForwardContext context)
    {
        var tokens = (TokenizedBatch)batch;
        Tensor scores = UnitLogits(tokens, context);
        return (LossOf(scores, tokens), scores);
    }

    /// <summary>What a user's metric gets: the true tags of a sentence and the predicted ones, in the model's scheme.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(IReadOnlyList<string>), typeof(IReadOnlyList<string>));

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows)
    {
        bool plain = Tags.Scheme == TaggingScheme.Plain;
        string TypeOf(string tag) => plain || !TagParts.TryExact(tag, out TagParts parts) ? tag : parts.Type;
        string[] types = [.. Tags.Names.Where(tag => plain || tag != TagParts.OutsideTag).Select(TypeOf).Distinct(StringComparer.Ordinal)];
        HashSet<string> present = [.. rows.SelectMany(row => ((SentenceWindow)row).Sentence.Targets!).Distinct().Select(target => TypeOf(Tags.Names[target]))];
        return MissingClasses.Of(plain ? "tags" : "entity types", types, i => present.Contains(types[i]));
    }

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new TaggerEvaluation(this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Head.Dispose();
    }

    /// <summary>The scores of all owned units, window by window; nothing is computed in the head where there is no label.</summary>
    /// <returns>[units, tags], float32</returns>
    internal Tensor UnitLogits(TokenizedBatch batch, ForwardContext context)
    {
        long[] positions = [.. batch.Rows.SelectMany((row, i) => ((SentenceWindow)row).Owned.Select(unit => ((long)i * batch.PaddedLength) + unit.Position))];
        return Head.LogitsAt(batch.Input, tensor(positions, ScalarType.Int64, Device), context);
    }

    /// <summary>The sum of the losses of units.</summary>
    /// <param name="logits">[units, tags]</param>
    /// <param name="batch">The windows.</param>
    internal Tensor LossOf(Tensor logits, TokenizedBatch batch)
    {
        SentenceWindow[] windows = [.. batch.Rows.Cast<SentenceWindow>()];
        bool weighted = Array.Exists(windows, window => window.Weight != 1);
        if (_chain.IsCrf)
        {
            Tensor losses = ChainLoss.Of(_chain.Make(), logits, windows, Device);
            return (weighted ? losses * tensor(windows.Select(window => (float)window.Weight).ToArray(), ScalarType.Float32, Device) : losses).sum();
        }
        Tensor targets = tensor(
            windows.SelectMany(window => window.Owned.Select(unit => (long)window.Sentence.Targets![unit.Unit])).ToArray(), ScalarType.Int64, Device);
        Tensor? weights = weighted
            ? tensor(windows.SelectMany(window => Enumerable.Repeat((float)window.Weight, window.Owned.Length)).ToArray(), ScalarType.Float32, Device) : null;
        return Losses.CrossEntropy(logits, targets, weights, null, _smoothing);
    }

    internal TaggingEncoder Sentences(int contextTokens, LabeledTokens labeled, int? overlap) =>
        new(Tokenizer, Trunk.Plan.TypeVocabularySize > 1, MaximumLength, overlap, contextTokens, labeled);

    internal EncodedSentence SentenceOf(string text) => _encoder.Text(text, [], []);

    internal EncodedSentence SentenceOf(IReadOnlyList<string> words, string delimiter) => _encoder.Words(words, [], [], delimiter: delimiter);

    internal TaggedPrediction[] Tag(EncodedSentence[] sentences, CancellationToken cancellation)
    {
        using WeightPass pass = Weights.Enter();
        float[][] scores = Scores(sentences, cancellation);
        var probabilities = new double[sentences.Length][];
        int[][] best = Decoder.Best(scores, Device, probabilities);
        return [.. sentences.Select((sentence, i) => Decoder.Read(sentence, best[i], probabilities[i]))];
    }

    /// <summary>The unprocessed outputs of all units of each sentence, units times tags; computed in batches of similar length.</summary>
    internal float[][] Scores(EncodedSentence[] sentences, CancellationToken cancellation)
    {
        _head.Answers();
        for (int i = 0; i < sentences.Length; i++)
        {
            foreach (SentenceWindow window in sentences[i].Windows) window.Index = i;
        }
        SentenceWindow[] windows = [.. sentences.SelectMany(sentence => sentence.Windows)];
        float[][] values = PredictionBatches.Run(Weights, windows, Scores, cancellation);
        var scores = sentences.ToDictionary(sentence => sentence, sentence => new float[sentence.Units.Length * Tags.Count]);
        for (int i = 0; i < windows.Length; i++)
        {
            int owned = 0;
            foreach ((_, int unit) in windows[i].Owned)
                values[i].AsSpan(owned++ * Tags.Count, Tags.Count).CopyTo(scores[windows[i].Sentence].AsSpan(unit * Tags.Count));
        }
        return [.. sentences.Select(sentence => scores[sentence])];
    }

    private float[][] Scores(SentenceWindow[] windows, int length)
    {
        float[] values = Outputs.Read(UnitLogits((TokenizedBatch)Collate(windows, length), ForwardContext.Evaluation()));
        var scores = new float[windows.Length][];
        int start = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            int end = start + (windows[i].Owned.Length * Tags.Count);
            scores[i] = values[start..end];
            start = end;
        }
        return scores;
    }

    private static IEnumerable<EncodedRow> Windows(IEnumerable<EncodedRow> rows)
    {
        foreach (SentenceRow row in rows.Select(OwnRows.Of<SentenceRow>))
        {
            // A window knows the others of its sentence.
            foreach (SentenceWindow window in row.Sentence.Windows) window.Index = row.Index;
            foreach (SentenceWindow window in row.Sentence.Windows) yield return window;
        }
    }

    private EncodedSentence Sentence(TaggedText example) => example switch
    {
        TaggedWords words => _encoder.Words(ExampleParts.Require(words.Words, "words"), words.Before, words.After, words.Weight),
        AnnotatedText text => _encoder.Text(ExampleParts.Require(text.Text, "text"), text.Before, text.After, text.Weight),
        null => throw new TrainingDataException("the record is null"),
        _ => throw new TrainingDataException($"a {example.GetType().Name} is neither words with tags nor a text with spans"),
    };
}
