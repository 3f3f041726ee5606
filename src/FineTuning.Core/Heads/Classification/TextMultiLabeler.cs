using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Any number of labels for a text or a pair of texts: each output has its own probability.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public sealed class TextMultiLabeler<TLabel> : TextTask<MultiLabeledText<TLabel>, MultiLabelPrediction<TLabel>>
    where TLabel : notnull
{
    private readonly float[]? _positiveWeights;

    private TextMultiLabeler(EncoderModel encoder, PretrainedTokenizer tokenizer, LabelSet<TLabel> labels, TextMultiLabelerOptions<TLabel> options)
        : base(encoder, tokenizer, options)
    {
        LabelSet = labels;
        Threshold = options.Threshold;
        _positiveWeights = options.PositiveWeights is null ? null : [.. labels.Labels.Select(label => (float)options.PositiveWeights.GetValueOrDefault(label, 1))];
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
        LabelSet<TLabel> labels = LabelSet<TLabel>.Resolve(options.Labels, backbone.Labels(), backbone.Name);
        var violations = new List<string>();
        if (options.Threshold is not (> 0 and < 1)) violations.Add($"Threshold is {options.Threshold}: it is above 0 and below 1");
        options.CollectViolations(violations);
        foreach ((TLabel label, double weight) in options.PositiveWeights ?? new Dictionary<TLabel, double>())
        {
            if (labels.PlaceOf(label) < 0) violations.Add($"PositiveWeights names '{label}', which is not a label");
            if (!ExampleWeight.IsValid(weight)) violations.Add($"PositiveWeights gives '{label}' {weight}: a weight is {ExampleWeight.Range}");
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        PretrainedTokenizer tokenizer = backbone.Tokenizer();
        EncoderModel encoder = ProblemType.Require(backbone.Encoder(HeadKind.SequenceClassification, labels.Count, options.LoadOptions()), backbone.Name, ProblemType.MultiLabel, options);
        return new(encoder, tokenizer, labels, options);
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
            int place = LabelSet.PlaceOf(label);
            if (place < 0)
            {
                throw new TrainingDataException($"the label '{label}' of the text \"{Excerpt.Of(example.Text)}\" is not one of the model's {LabelSet.Count}: {Excerpt.Of(string.Join(", ", LabelSet.Names))}");
            }
            targets[place] = 1;
        }
        ExampleWeight.Check(example.Weight, example.Text);
        TokenizedText tokens = Tokenize(example.Text, example.Pair, report);
        return new TargetRow(tokens.Ids, TypesOf(tokens), -1, targets, example.Weight, example.Weight * LabelSet.Count);
    }

    /// <summary>What each word did to the score of a label.</summary>
    /// <param name="text">The text.</param>
    /// <param name="label">One of the model's labels.</param>
    /// <param name="pair">The second text; null: there is none.</param>
    /// <exception cref="ArgumentException">The model has no such label.</exception>
    public TextExplanation Explain(string text, TLabel label, string? pair = null)
    {
        int place = LabelSet.Require(label);
        return Explain(text, pair, _ => place, logits => (LabelSet.Names[place], Probabilities.Sigmoid(logits)[place]));
    }

    /// <summary>What a user's metric gets: the true labels and the prediction.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(IReadOnlyList<TLabel>), typeof(MultiLabelPrediction<TLabel>));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new Evaluation(this);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) =>
        MissingClasses.Of("labels", LabelSet.Names, label => rows.Any(row => ((TargetRow)row).Targets![label] == 1));

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
        private readonly MetricCollector<IReadOnlyList<TLabel>, MultiLabelPrediction<TLabel>> _user = model.CollectMetrics<IReadOnlyList<TLabel>, MultiLabelPrediction<TLabel>>();
        private double _loss;
        private double _count;

        public void Add(Batch batch, ForwardContext context)
        {
            var tokens = (TokenizedBatch)batch;
            Tensor logits = model.Encoder.Logits(tokens.Input, context);
            _loss += model.LossOf(logits, tokens).Number();
            _count += batch.TargetCount;
            float[] probabilities = logits.to(ScalarType.Float32).sigmoid().cpu().data<float>().ToArray();
            int labels = model.LabelSet.Count;
            for (int row = 0; row < batch.Rows.Count; row++)
            {
                _accumulator.Add(((TargetRow)batch.Rows[row]).Targets, probabilities.AsSpan(row * labels, labels));
            }
            if (_user.Any) AddToUserMetrics(batch, logits.to(ScalarType.Float32).cpu().data<float>().ToArray());
        }

        public MetricReport Report() => _user.Extend(_accumulator.Report(_loss / _count));

        private void AddToUserMetrics(Batch batch, float[] logits)
        {
            LabelSet<TLabel> labels = model.LabelSet;
            for (int row = 0; row < batch.Rows.Count; row++)
            {
                float[] targets = ((TargetRow)batch.Rows[row]).Targets!;
                LabelScore<TLabel>[] scores = Probabilities.Ranked(labels.Labels, Probabilities.Sigmoid(logits.AsSpan(row * labels.Count, labels.Count)));
                _user.Add([.. labels.Labels.Where((_, i) => targets[i] == 1)], new([.. scores.Where(score => score.Score >= model.Threshold).Select(score => score.Label)], scores, 0));
            }
        }
    }
}
