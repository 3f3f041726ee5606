using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>One label for a text or a pair of texts: a pretrained encoder with its tokenizer and a classification head.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class TextClassifier<TLabel> : TextTask<LabeledText<TLabel>, Classification<TLabel>>
    where TLabel : notnull
{
    private readonly double _smoothing;
    private readonly double _gamma;
    private readonly float[]? _classWeights;

    private TextClassifier(OutputHead head, PretrainedTokenizer tokenizer, LabelSet<TLabel> labels, TextClassifierOptions<TLabel> options, string name)
        : base(head, tokenizer, options, name)
    {
        LabelSet = labels;
        _smoothing = options.LabelSmoothing;
        _gamma = options.FocalGamma;
        _classWeights = options.ClassWeights is null ? null : [.. labels.Labels.Select(label => (float)options.ClassWeights.GetValueOrDefault(label, 1))];
    }

    /// <summary>The labels in the order of the outputs.</summary>
    public LabelSet<TLabel> LabelSet { get; }

    /// <inheritdoc/>
    public override string PrimaryMetric => "accuracy";

    /// <summary>Loads a classifier; see <c>Pretrained.TextClassifier</c>.</summary>
    internal static TextClassifier<TLabel> Load(Backbone backbone, TextClassifierOptions<TLabel>? options)
    {
        options ??= new TextClassifierOptions<TLabel>();
        options.Members().Require(nameof(options));
        StoredOutputs stored = backbone.Outputs(HeadKind.SequenceClassification, options.FreshHead);
        var violations = new List<string>();
        LabelSet<TLabel>? labels = LabelSet<TLabel>.Resolve(options.Labels, stored, violations, out string? refusal);
        CollectViolations(options, labels, violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return backbone.Open(HeadKind.SequenceClassification, labels!.Count, options.LoadOptions(), Make, stored, refusal);

        TextClassifier<TLabel> Make(OutputHead head, PretrainedTokenizer tokenizer)
        {
            ProblemType.Require(head, backbone.Name, ProblemType.SingleLabel);
            return new(head, tokenizer, labels, options, backbone.Name);
        }
    }

    /// <inheritdoc/>
    public override EncodedRow? Encode(LabeledText<TLabel> example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        ExampleParts.Require(example.Text, "text");
        if (example.Label is null) throw new TrainingDataException($"the text \"{Excerpt.Of(example.Text)}\" has no label: it is null; leave the record out");
        int label = LabelSet.IndexOf(example.Label);
        if (label < 0)
        {
            throw HeadErrors.Unknown(example.Label, example.Text, LabelSet.Names);
        }
        ExampleWeight.Check(example.Weight, example.Text);
        TokenizedText tokens = Tokenize(example.Text, example.Pair, report);
        // The focal loss is a mean over rows (its weights are not divided by); cross-entropy's is a mean over class weights.
        double count = example.Weight * (_gamma > 0 || _classWeights is null ? 1 : _classWeights[label]);
        return new TargetRow(tokens.Ids, TypesOf(tokens), label, null, example.Weight, count);
    }

    /// <summary>What each word did to the score of the most probable label: a pass over the text, and one without each of its words.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    public TextExplanation Explain(string text, string? pair = null) => Explain(text, pair, -1);

    /// <summary>What each word did to the score of a label: a pass over the text, and one without each of its words.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    /// <param name="label">One of the model's labels.</param>
    /// <exception cref="ArgumentException">The model has no such label.</exception>
    public TextExplanation Explain(string text, string? pair, TLabel label)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Explain(text, pair, LabelSet.Require(label));
    }

    /// <summary>What a user's metric gets: the true label and the classification.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(TLabel), typeof(Classification<TLabel>));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new Evaluation(this);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows)
    {
        HashSet<int> present = [.. rows.Select(row => OwnRows.Of<TargetRow>(row).Label)];
        return MissingClasses.Of("labels", LabelSet.Names, present.Contains);
    }

    internal override bool GivesScores => true;

    internal override IReadOnlyList<ProbeTarget>? ProbeTargets(EncodedRow row) => [new(-1, OwnRows.Of<TargetRow>(row).Label)];

    private protected override IReadOnlyList<object?> RowSettings => [LabelSet.Names, _gamma > 0, _classWeights];

    private protected override SavedLabels Labels() => new(LabelSet.Names, ProblemType.SingleLabel);

    private protected override Tensor LossOf(Tensor logits, TokenizedBatch batch)
    {
        Tensor targets = TargetRow.Labels(batch, Device);
        Tensor? rowWeights = TargetRow.Weights(batch, Device);
        Tensor? classWeights = _classWeights is null ? null : tensor(_classWeights, ScalarType.Float32, Device);
        return _gamma > 0
            ? Losses.Focal(logits, targets, rowWeights, classWeights, _gamma)
            : Losses.CrossEntropy(logits, targets, rowWeights, classWeights, _smoothing);
    }

    private protected override Classification<TLabel> Decode(ReadOnlySpan<float> logits, TokenizedText tokens)
    {
        double[] probabilities = Probabilities.Softmax(logits);
        LabelScore<TLabel>[] scores = Probabilities.Ranked(LabelSet.Labels, probabilities);
        return new(scores[0].Label, scores[0].Score, scores, tokens.TruncatedTokens);
    }

    private TextExplanation Explain(string text, string? pair, int label)
    {
        int Chosen(float[] logits) => label >= 0 ? label : Array.IndexOf(logits, logits.Max());
        return Explain(text, pair, Chosen, logits => (LabelSet.Names[Chosen(logits)], Probabilities.Softmax(logits)[Chosen(logits)]));
    }

    private static void CollectViolations(TextClassifierOptions<TLabel> options, LabelSet<TLabel>? labels, List<string> violations)
    {
        if (options.LabelSmoothing is not (>= 0 and < 1)) violations.Add($"LabelSmoothing is {options.LabelSmoothing}: it is from 0 to below 1");
        if (options.FocalGamma is not (>= 0 and <= 100)) violations.Add($"FocalGamma is {options.FocalGamma}: it is from 0 to 100");
        if (options is { FocalGamma: > 0, LabelSmoothing: > 0 }) violations.Add("FocalGamma and LabelSmoothing are both set: choose one");
        options.CollectViolations(violations);
        Limits.LabelWeights(options.ClassWeights, labels, nameof(options.ClassWeights), violations);
    }

    private sealed class Evaluation(TextClassifier<TLabel> model) : IEvaluation
    {
        private readonly ClassificationAccumulator _accumulator = new(model.LabelSet.Names);
        private readonly MetricCollector<TLabel, Classification<TLabel>> _user = model.CollectMetrics<TLabel, Classification<TLabel>>();
        private readonly MeanLoss _loss = new();

        public void Add(Batch batch, ForwardContext context)
        {
            var tokens = OwnRows.Batch<TokenizedBatch>(batch);
            Tensor logits = model.Head.Logits(tokens.Input, context);
            _loss.Add(model.LossOf(logits, tokens), batch.TargetCount);
            float[] probabilities = nn.functional.softmax(logits.to(ScalarType.Float32), -1).cpu().data<float>().ToArray();
            int classes = model.LabelSet.Count;
            for (int row = 0; row < batch.Rows.Count; row++)
            {
                _accumulator.Add(((TargetRow)batch.Rows[row]).Label, probabilities.AsSpan(row * classes, classes));
            }
            if (_user.Any) AddToUserMetrics(batch, logits.to(ScalarType.Float32).cpu().data<float>().ToArray());
        }

        public MetricReport Report() => _user.Extend(_accumulator.Report(_loss.Value));

        private void AddToUserMetrics(Batch batch, float[] logits)
        {
            LabelSet<TLabel> labels = model.LabelSet;
            for (int row = 0; row < batch.Rows.Count; row++)
            {
                LabelScore<TLabel>[] scores = Probabilities.Ranked(labels.Labels, Probabilities.Softmax(logits.AsSpan(row * labels.Count, labels.Count)));
                _user.Add(labels.Labels[((TargetRow)batch.Rows[row]).Label], new(scores[0].Label, scores[0].Score, scores, 0));
            }
        }
    }
}
