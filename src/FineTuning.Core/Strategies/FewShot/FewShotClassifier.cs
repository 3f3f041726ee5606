using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace FineTuning.Strategies;

/// <summary>
/// One label for a text, learned from a handful of texts of each: a sentence encoder tuned on pairs of them, and a logistic regression over its vectors
/// (SetFit, Tunstall et al. 2022).
/// </summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class FewShotClassifier<TLabel> : IPredictor<string, Classification<TLabel>>, IDisposable
    where TLabel : notnull
{
    private readonly FewShotOptions<TLabel> _options;
    private readonly ILogger _logger;
    private volatile Fitted? _head;

    private FewShotClassifier(SentenceEncoder encoder, FewShotOptions<TLabel> options) =>
        (Encoder, _options, _logger) = (encoder, options, options.Logger ?? NullLogger.Instance);

    /// <summary>The sentence encoder.</summary>
    public SentenceEncoder Encoder { get; }

    /// <summary>Whether there is a head: the model was trained, or loaded from a folder in which a trained one was saved.</summary>
    public bool IsTrained => _head is not null;

    /// <summary>The labels in the order of the head's outputs.</summary>
    /// <exception cref="InvalidOperationException">The model has not been trained.</exception>
    public LabelSet<TLabel> LabelSet => Head.Labels;

    private Fitted Head =>
        _head ?? throw new InvalidOperationException("the few-shot classifier has no head yet: call Train, or load a folder in which a trained one was saved");

    /// <summary>Loads an encoder and, where the folder has one, its head; see <c>Pretrained.FewShotClassifier</c>.</summary>
    internal static FewShotClassifier<TLabel> Load(Backbone backbone, FewShotOptions<TLabel>? options)
    {
        options ??= new FewShotOptions<TLabel>();
        new NullMembers().Value(options.Encoder, nameof(options.Encoder)).Entries(options.Labels, nameof(options.Labels)).Require(nameof(options));
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        var model = new FewShotClassifier<TLabel>(SentenceEncoder.Load(backbone, options.Encoder), options);
        try
        {
            if (options.Encoder.FreshHead || backbone.Folder is not { } folder || HeadFile.Read(folder, model.Encoder.Dimension) is not { } head) return model;
            // The names in this file are always somebody's, LABEL_0 too.
            string[] names = [.. head.Labels.OrderBy(pair => pair.Key).Select(pair => pair.Value)];
            var stored = new StoredOutputs(folder, names, true, false, "Encoder = new() { FreshHead = true }") { IsGeneric = false };
            LabelSet<TLabel>? labels = LabelSet<TLabel>.Resolve(options.Labels, stored, violations, out string? refusal);
            if (refusal is not null) violations.Add($"{folder}: {refusal}");
            if (violations.Count > 0) throw new InvalidOptionsException(violations);
            model._head = new(head.Head, labels!);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Tunes the encoder on pairs of the texts and fits the head; a head there was is replaced. Runs on a thread of its own and returns when done.
    /// </summary>
    /// <param name="examples">Texts with their labels, at least two labels; read once. Pairs of texts and weights are not supported.</param>
    /// <param name="cancellation">Ends the tuning; an <see cref="OperationCanceledException"/> is thrown and the head stays as it was.</param>
    /// <exception cref="TrainingDataException">A record cannot be learned from; it is named.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became NaN or infinite.</exception>
    public FewShotResult Train(IEnumerable<LabeledText<TLabel>> examples, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(examples);
        Encoder.Weights.ThrowIfClosed();
        LabeledText<TLabel>[] data = [.. examples];
        LabelSet<TLabel> labels = LabelsOf(data);
        int[] indices = LabelIndices(data, labels);
        string[] texts = [.. data.Select(example => example.Text)];
        TrainingResult? tuning = _options.PairsPerText == 0 ? null : Tune(texts, indices, cancellation);
        cancellation.ThrowIfCancellationRequested();
        float[][] vectors = Encoder.Encode(texts, null, cancellation);
        LogisticRegression head = LogisticRegression.Fit(vectors, indices, labels.Count, _options.HeadFit);
        SimilarityLog.HeadFitted(_logger, head.Report.Iterations, head.Report.Loss, head.Report.Gradient);
        _head = new(head, labels);
        double right = vectors.Zip(indices).Count(pair => LargestOf(head.Logits(pair.First)) == pair.Second);
        return new(tuning, head.Report.Iterations, right / indices.Length);
    }

    /// <inheritdoc/>
    public Classification<TLabel> Predict(string input) => PredictBatch([input])[0];

    /// <inheritdoc/>
    public IReadOnlyList<Classification<TLabel>> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        (LogisticRegression regression, LabelSet<TLabel> labels) = Head;
        new NullMembers().Entries(inputs, nameof(inputs)).Require(nameof(inputs));
        TokenizedText[] texts = [.. inputs.Select(text => Encoder.Tokenize(text))];
        float[][] vectors = Encoder.EncodeTokens(texts, cancellation);
        return
        [
            .. vectors.Select((vector, i) =>
            {
                LabelScore<TLabel>[] scores = Probabilities.Ranked(labels.Labels, Probabilities.Softmax(Finite(regression.Logits(vector))));
                return new Classification<TLabel>(scores[0].Label, scores[0].Score, scores, texts[i].TruncatedTokens);
            }),
        ];
    }

    /// <summary>Writes encoder and head; sentence-transformers opens the folder as an encoder. The folder is whole or as it was.</summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="InvalidOperationException">The model has not been trained.</exception>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        (LogisticRegression regression, LabelSet<TLabel> labels) = Head;
        AtomicFolder.Write(folder, target =>
        {
            Encoder.WriteTo(target);
            HeadFile.Write(target, regression, labels.Names);
        });
    }

    /// <inheritdoc/>
    public void Dispose() => Encoder.Dispose();

    private TrainingResult Tune(string[] texts, int[] indices, CancellationToken cancellation)
    {
        using TunableModel<ScoredPair> model = Encoder.With(SimilarityLoss.CosineSimilarity());
        IEnumerable<ScoredPair> pairs = FewShotPairs.Of(texts, indices, _options.PairsPerText, _options.Seed);
        var recipe = new TrainingOptions
        {
            Epochs = _options.Epochs, BatchSize = _options.BatchSize, Seed = _options.Seed,
            Optimizer = Optimizer.AdamW(_options.LearningRate), Schedule = Schedule.Linear(warmup: 0.1),
        };
        recipe.Validate(hasValidation: false);
        TrainingResult result = new TrainingRun(model, recipe, new RunObserver { Logger = _logger }, read => (read.Train(model, pairs, "few-shot pairs"), null))
            .Train(cancellation);
        SimilarityLog.FewShotPairs(_logger, texts.Length, indices.Distinct().Count(), result.TrainingRows);
        return result;
    }

    private LabelSet<TLabel> LabelsOf(LabeledText<TLabel>[] data)
    {
        TLabel[] found = [.. data.Where(example => example is not null).Select(example => example.Label).Distinct()];
        if (found.Length < 2) throw new TrainingDataException($"the {data.Length} records have {found.Length} different labels; two or more are needed");
        IReadOnlyList<TLabel>? listed = _options.Labels ?? _head?.Labels.Labels;
        // Without a list the order must not depend on that of the records.
        return new(listed ?? (found is string[] names ? [.. names.Order(StringComparer.Ordinal).Cast<TLabel>()] : [.. found.Order()]));
    }

    private int[] LabelIndices(LabeledText<TLabel>[] data, LabelSet<TLabel> labels)
    {
        var indices = new int[data.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            LabeledText<TLabel> example = data[i] ?? throw new TrainingDataException($"record {i} of the training data is null");
            if (example.Text is null) throw new TrainingDataException($"record {i} of the training data has no text");
            if (!string.IsNullOrEmpty(example.Pair))
                throw new TrainingDataException($"record {i} of the training data has a second text, but a sentence encoder takes one at a time");
            if (example.Weight != 1)
                throw new TrainingDataException(
                    $"record {i} of the training data has the weight {example.Weight}; a few-shot classifier takes all texts alike");
            indices[i] = labels.IndexOf(example.Label);
            if (indices[i] < 0)
                throw new TrainingDataException($"record {i} of the training data has the label '{example.Label}', which is not one of the {labels.Count}: "
                    + $"{string.Join(", ", labels.Names)}");
        }
        foreach (IGrouping<int, int> group in indices.GroupBy(index => index).Where(group => group.Count() == 1))
            SimilarityLog.SingleText(_logger, labels.Names[group.Key]);
        return indices;
    }

    // One reference, so that a prediction meanwhile sees the old head or the new one and never half of each.
    private sealed record Fitted(LogisticRegression Regression, LabelSet<TLabel> Labels);

    private static float[] Finite(float[] logits)
    {
        Outputs.RequireFinite(logits);
        return logits;
    }

    private static int LargestOf(float[] logits) => Array.IndexOf(logits, logits.Max());
}

/// <summary>What the training of a few-shot classifier gives.</summary>
public sealed class FewShotResult
{
    internal FewShotResult(TrainingResult? tuning, int headIterations, double trainingAccuracy) =>
        (Tuning, HeadIterations, TrainingAccuracy) = (tuning, headIterations, trainingAccuracy);

    /// <summary>The run over the pairs; null where there was none (no pairs were asked for).</summary>
    public TrainingResult? Tuning { get; }

    /// <summary>Steps that the logistic regression took to its optimum.</summary>
    public int HeadIterations { get; }

    /// <summary>The share of the training texts that the model labels right.</summary>
    public double TrainingAccuracy { get; }
}
