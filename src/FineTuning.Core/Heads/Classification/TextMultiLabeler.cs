using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Any number of labels for a text or a pair of texts: each output has its own probability.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class TextMultiLabeler<TLabel> : TextTask<MultiLabeledText<TLabel>, MultiLabelPrediction<TLabel>>
    where TLabel : notnull
{
    private readonly float[]? _positiveWeights;

    private TextMultiLabeler(OutputHead head, PretrainedTokenizer tokenizer, LabelSet<TLabel> labels, TextMultiLabelerOptions<TLabel> options, string name)
        : base(head, tokenizer, options, name)
    {
        LabelSet = labels;
        Threshold = options.Threshold;
        _positiveWeights = options.PositiveWeights is null ? null
            : [.. labels.Labels.Select(label => (float)options.PositiveWeights.GetValueOrDefault(label, 1))];
    }

    /// <summary>The labels in the order of the outputs.</summary>
    public LabelSet<TLabel> LabelSet { get; }

    /// <summary>The probability from which a label is given.</summary>
    public double Threshold { get; }

    /// <inheritdoc/>
    public override string PrimaryMetric => "f1_micro";

    /// <summary>Loads a multi-label classifier; see <c>Pretrained.TextMultiLabeler</c>.</summary>
    internal static TextMultiLabeler<TLabel> Load(Backbone backbone, TextMultiLabelerOptions<TLabel>? options)
    {
        options ??= new TextMultiLabelerOptions<TLabel>();
        options.Members().Require(nameof(options));
        StoredOutputs stored = backbone.Outputs(HeadKind.SequenceClassification, options.FreshHead);
        var violations = new List<string>();
        LabelSet<TLabel>? labels = LabelSet<TLabel>.Resolve(options.Labels, stored, violations, out string? refusal);
        Limits.Threshold(options.Threshold, violations);
        options.CollectViolations(violations);
        Limits.LabelWeights(options.PositiveWeights, labels, nameof(options.PositiveWeights), violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return backbone.Open(HeadKind.SequenceClassification, labels!.Count, options.LoadOptions(), Make, stored, refusal);

        TextMultiLabeler<TLabel> Make(OutputHead head, PretrainedTokenizer tokenizer)
        {
            ProblemType.Require(head, backbone.Name, ProblemType.MultiLabel);
            return new(head, tokenizer, labels, options, backbone.Name);
        }
    }

    /// <inheritdoc/>
    public override EncodedRow? Encode(MultiLabeledText<TLabel> example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        ExampleParts.Require(example.Text, "text");
        var targets = new float[LabelSet.Count];
        foreach (TLabel label in ExampleParts.Require(example.Labels, "list of labels"))
        {
            int index = LabelSet.IndexOf(label);
            if (index < 0)
            {
                throw HeadErrors.Unknown(label, example.Text, LabelSet.Names);
            }
            targets[index] = 1;
        }
        ExampleWeight.Check(example.Weight, example.Text);
        TokenizedText tokens = Tokenize(example.Text, example.Pair, report);
        return new TargetRow(tokens.Ids, TypesOf(tokens), -1, targets, example.Weight, example.Weight * LabelSet.Count);
    }

    /// <summary>What each word did to the score of a label: a pass over the text, and one without each of its words.</summary>
    /// <param name="text">The text.</param>
    /// <param name="label">One of the model's labels.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    /// <exception cref="ArgumentException">The model has no such label.</exception>
    public TextExplanation Explain(string text, TLabel label, string? pair = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        int index = LabelSet.Require(label);
        return Explain(text, pair, _ => index, logits => (LabelSet.Names[index], Probabilities.Sigmoid(logits)[index]));
    }

    /// <summary>What a user's metric gets: the true labels and the prediction.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(IReadOnlyList<TLabel>), typeof(MultiLabelPrediction<TLabel>));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new Evaluation(this);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) =>
        MissingClasses.Of("labels", LabelSet.Names, label => rows.Any(row => OwnRows.Of<TargetRow>(row).Targets![label] == 1));

    private protected override IReadOnlyList<object?> RowSettings => [LabelSet.Names];

    private protected override SavedLabels Labels() => new(LabelSet.Names, ProblemType.MultiLabel);

    private protected override Tensor LossOf(Tensor logits, TokenizedBatch batch) => Losses.BinaryCrossEntropy(
        logits,
        TargetRow.TargetMatrix(batch, LabelSet.Count, Device),
        TargetRow.Weights(batch, Device),
        _positiveWeights is null ? null : tensor(_positiveWeights, ScalarType.Float32, Device));

    private protected override MultiLabelPrediction<TLabel> Decode(ReadOnlySpan<float> logits, TokenizedText tokens)
    {
        LabelScore<TLabel>[] scores = Probabilities.Ranked(LabelSet.Labels, Probabilities.Sigmoid(logits));
        return new([.. scores.Where(score => score.Score >= Threshold).Select(score => score.Label)], scores, tokens.TruncatedTokens);
    }

    private sealed class Evaluation(TextMultiLabeler<TLabel> model) : IEvaluation
    {
        private readonly MultiLabelAccumulator _accumulator = new(model.LabelSet.Names, model.Threshold);
        private readonly MetricCollector<IReadOnlyList<TLabel>, MultiLabelPrediction<TLabel>> _user =
            model.CollectMetrics<IReadOnlyList<TLabel>, MultiLabelPrediction<TLabel>>();
        private readonly MeanLoss _loss = new();

        public void Add(Batch batch, ForwardContext context)
        {
            var tokens = OwnRows.Batch<TokenizedBatch>(batch);
            Tensor logits = model.Head.Logits(tokens.Input, context);
            _loss.Add(model.LossOf(logits, tokens), batch.TargetCount);
            float[] probabilities = logits.to(ScalarType.Float32).sigmoid().cpu().data<float>().ToArray();
            int labels = model.LabelSet.Count;
            for (int row = 0; row < batch.Rows.Count; row++)
            {
                _accumulator.Add(((TargetRow)batch.Rows[row]).Targets, probabilities.AsSpan(row * labels, labels));
            }
            if (_user.Any) AddToUserMetrics(batch, logits.to(ScalarType.Float32).cpu().data<float>().ToArray());
        }

        public MetricReport Report() => _user.Extend(_accumulator.Report(_loss.Value));

        private void AddToUserMetrics(Batch batch, float[] logits)
        {
            LabelSet<TLabel> labels = model.LabelSet;
            for (int row = 0; row < batch.Rows.Count; row++)
            {
                float[] targets = ((TargetRow)batch.Rows[row]).Targets!;
                LabelScore<TLabel>[] scores = Probabilities.Ranked(labels.Labels, Probabilities.Sigmoid(logits.AsSpan(row * labels.Count, labels.Count)));
                _user.Add([.. labels.Labels.Where((_, i) => targets[i] == 1)],
                    new([.. scores.Where(score => score.Score >= model.Threshold).Select(score => score.Label)], scores, 0));
            }
        }
    }
}
