using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>How labels are asked for.</summary>
public sealed record ZeroShotOptions
{
    /// <summary>The sentence that is tested for each label; {} stands for the label, exactly once. Default: This example is {}.</summary>
    public string Template { get; init; } = "This example is {}.";

    /// <summary>
    /// Whether each label has its own probability (entailment against contradiction) or all share one (default). A single label always has its own.
    /// </summary>
    public bool MultiLabel { get; init; }
}

/// <summary>
/// Labels that no training has seen: a model of natural language inference tells whether "This example is sports." follows from the text (Yin et al. 2019).
/// </summary>
/// <remarks>Thread-safe while it is not disposed. The caller that creates it disposes it.</remarks>
public sealed class ZeroShotClassifier : IDisposable
{
    private const string Slot = "{}";

    private readonly TextClassifier<string> _inference;
    private readonly int _entailment;
    private readonly int _contradiction;

    private ZeroShotClassifier(TextClassifier<string> inference, int entailment, int contradiction) =>
        (_inference, _entailment, _contradiction) = (inference, entailment, contradiction);

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head => _inference.Head;

    /// <summary>The trunk, on which other heads may sit too.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer => _inference.Tokenizer;

    /// <summary>Loads a classifier; see <c>Pretrained.ZeroShotClassifier</c>.</summary>
    internal static ZeroShotClassifier Load(string folder, TextOptions? options)
    {
        options ??= new TextOptions();
        options.Members().Require(nameof(options));
        Backbone backbone = Backbone.Of(folder);
        IReadOnlyList<string> names = backbone.Outputs(HeadKind.SequenceClassification, freshHead: false).Names;
        (int entailment, int contradiction) = Meanings(folder, names);
        var own = new TextClassifierOptions<string>
        {
            Labels = names, MaximumLength = options.MaximumLength, Truncation = TruncationStrategy.OnlyFirst, Seed = options.Seed, Device = options.Device,
                Dropout = options.Dropout, Logger = options.Logger,
        };
        TextClassifier<string> inference = TextClassifier<string>.Load(backbone, own);
        if (inference.Head.LoadReport.Fresh.Count == 0) return new(inference, entailment, contradiction);
        inference.Dispose();
        throw new CheckpointException(folder, $"it has no classification head ({string.Join(", ", inference.Head.LoadReport.Fresh)} are missing); "
            + "without one no inference is learned");
    }

    /// <summary>Which outputs mean that a text entails or contradicts another, by their names and never by their indices.</summary>
    private static (int Entailment, int Contradiction) Meanings(string folder, IReadOnlyList<string> names)
    {
        int[] Beginning(string start) => [.. Enumerable.Range(0, names.Count).Where(i => names[i].StartsWith(start, StringComparison.OrdinalIgnoreCase))];
        string found = names.Count == 0 ? "there are none" : OutputNames.List(names);
        string expected = "a checkpoint of natural language inference was expected, "
            + "with one label that begins with 'entail' and one that begins with 'contradict', or with two labels in all; "
            + "where this is one, name its outputs in config.json (id2label)";
        int[] entailments = Beginning("entail"), contradictions = Beginning("contradict");
        if (entailments.Length == 0 || names.Count < 2) throw new CheckpointException(folder, $"none of its labels means entailment ({found}); {expected}");
        if (entailments.Length > 1) throw new CheckpointException(folder, $"several of its labels mean entailment ({found}); {expected}");
        // Of two labels the other one means that it does not follow, whatever it is called.
        if (contradictions.Length == 0 && names.Count == 2) return (entailments[0], 1 - entailments[0]);
        return contradictions.Length == 1 ? (entailments[0], contradictions[0])
            : throw new CheckpointException(folder, $"not one of its labels means contradiction, but {contradictions.Length} do ({found}); {expected}");
    }

    /// <summary>The labels with their probabilities, the most probable first.</summary>
    /// <param name="text">The text; cut at the end where it is too long (and counted).</param>
    /// <param name="labels">At least one.</param>
    /// <param name="options">Template and mode. Null: the defaults.</param>
    /// <exception cref="ArgumentException">There are no labels, or the template has not exactly one slot for them.</exception>
    public Classification<string> Predict(string text, IReadOnlyList<string> labels, ZeroShotOptions? options = null) =>
        PredictBatch([text], labels, options)[0];

    /// <summary>The labels with their probabilities for many texts, in their order.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="labels">At least one.</param>
    /// <param name="options">Template and mode. Null: the defaults.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="ArgumentException">There are no labels, or the template has not exactly one slot for them.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IReadOnlyList<Classification<string>> PredictBatch(
        IReadOnlyList<string> texts, IReadOnlyList<string> labels, ZeroShotOptions? options = null, CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(texts, nameof(texts));
        options ??= new ZeroShotOptions();
        string[] hypotheses = Hypotheses(labels, options);
        TokenizedText[] pairs = [.. texts.SelectMany(text => hypotheses.Select(hypothesis => Tokenize(text, hypothesis)))];
        float[][] logits = _inference.Logits(pairs, cancellation);
        return [.. texts.Select((_, i) =>
            Decide(labels, logits.AsSpan(i * labels.Count, labels.Count), pairs.AsSpan(i * labels.Count, labels.Count), options))];
    }

    /// <summary>A predictor over fixed labels, for a service. It is this classifier's, which must outlive it.</summary>
    /// <param name="labels">At least one.</param>
    /// <param name="options">Template and mode. Null: the defaults.</param>
    /// <exception cref="ArgumentException">There are no labels, or the template has not exactly one slot for them.</exception>
    public IPredictor<string, Classification<string>> For(IReadOnlyList<string> labels, ZeroShotOptions? options = null)
    {
        options ??= new ZeroShotOptions();
        _ = Hypotheses(labels, options);
        Head.Weights.ThrowIfClosed();
        return new FixedLabels(this, [.. labels], options);
    }

    /// <inheritdoc/>
    public void Dispose() => _inference.Dispose();

    private static string[] Hypotheses(IReadOnlyList<string> labels, ZeroShotOptions options)
    {
        ArgumentNullException.ThrowIfNull(labels);
        new NullMembers().Entries(labels, nameof(labels)).Require(nameof(labels));
        new NullMembers().Value(options.Template, nameof(options.Template)).Require(nameof(options));
        if (labels.Count == 0) throw new ArgumentException("there are no labels; name at least one", nameof(labels));
        string[] around = options.Template.Split(Slot);
        if (around.Length != 2)
            throw new ArgumentException($"the template \"{Excerpt.Of(options.Template)}\" has {around.Length - 1} slots for a label; "
                + $"write {Slot} where it goes, exactly once", nameof(options));
        return [.. labels.Select(label => around[0] + label + around[1])];
    }

    private TokenizedText Tokenize(string text, string hypothesis)
    {
        try
        {
            return _inference.Tokenize(text, hypothesis);
        }
        catch (ArgumentException failure) when (failure is not ArgumentNullException)
        {
            throw new ArgumentException($"the hypothesis \"{Excerpt.Of(hypothesis)}\" leaves no room for the text in {_inference.MaximumLength} tokens; "
                + "shorten the label or the template", nameof(hypothesis), failure);
        }
    }

    private Classification<string> Decide(IReadOnlyList<string> labels, ReadOnlySpan<float[]> logits,
        ReadOnlySpan<TokenizedText> pairs, ZeroShotOptions options)
    {
        var scores = new double[labels.Count];
        if (options.MultiLabel || labels.Count == 1)
        {
            for (int i = 0; i < scores.Length; i++) scores[i] = Probabilities.Softmax([logits[i][_contradiction], logits[i][_entailment]])[1];
        }
        else
        {
            var entailments = new float[labels.Count];
            for (int i = 0; i < entailments.Length; i++) entailments[i] = logits[i][_entailment];
            scores = Probabilities.Softmax(entailments);
        }
        LabelScore<string>[] ranked = Probabilities.Ranked(labels, scores);
        int truncated = 0;
        foreach (TokenizedText pair in pairs) truncated = Math.Max(truncated, pair.TruncatedTokens);
        return new(ranked[0].Label, ranked[0].Score, ranked, truncated);
    }

    private sealed class FixedLabels(ZeroShotClassifier classifier, string[] labels, ZeroShotOptions options) : IPredictor<string, Classification<string>>
    {
        public Classification<string> Predict(string input) => classifier.Predict(input, labels, options);

        public IReadOnlyList<Classification<string>> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default) =>
            classifier.PredictBatch(inputs, labels, options, cancellation);
    }
}
