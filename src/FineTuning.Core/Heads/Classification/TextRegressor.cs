using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A number for a text or a pair of texts, learned by squared error.</summary>
/// <remarks>Prediction is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class TextRegressor : TextTask<ScoredText, TextScore>
{
    private TextRegressor(OutputHead head, PretrainedTokenizer tokenizer, TextOptions options, string name)
        : base(head, tokenizer, options, name)
    {
    }

    /// <inheritdoc/>
    public override string PrimaryMetric => "mse";

    /// <summary>Loads a regressor; see <c>Pretrained.TextRegressor</c>.</summary>
    internal static TextRegressor Load(Backbone backbone, TextOptions? options)
    {
        options ??= new TextOptions();
        options.Members().Require(nameof(options));
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return backbone.Open(HeadKind.SequenceClassification, 1, options.LoadOptions(), Make);

        TextRegressor Make(OutputHead head, PretrainedTokenizer tokenizer)
        {
            ProblemType.Require(head, backbone.Name, ProblemType.Regression);
            return new(head, tokenizer, options, backbone.Name);
        }
    }

    /// <inheritdoc/>
    public override EncodedRow? Encode(ScoredText example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        ExampleParts.Require(example.Text, "text");
        if (!Limits.IsTarget(example.Score))
            throw new TrainingDataException($"the score {example.Score} of the text \"{Excerpt.Of(example.Text)}\" is not {Limits.Targets}");
        ExampleWeight.Check(example.Weight, example.Text);
        TokenizedText tokens = Tokenize(example.Text, example.Pair, report);
        return new TargetRow(tokens.Ids, TypesOf(tokens), -1, [(float)example.Score], example.Weight, example.Weight);
    }

    /// <summary>What each word did to the number: a pass over the text, and one without each of its words.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    public TextExplanation Explain(string text, string? pair = null) => Explain(text, pair, _ => 0, logits => ("score", logits[0]));

    /// <summary>What a user's metric gets: the true number and the predicted one.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(double), typeof(double));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new Evaluation(this);

    private protected override IReadOnlyList<object?> RowSettings => [];

    private protected override SavedLabels Labels() => new(["LABEL_0"], ProblemType.Regression);

    private protected override Tensor LossOf(Tensor logits, TokenizedBatch batch) => Losses.SquaredError(
        logits.squeeze(1), TargetRow.TargetMatrix(batch, 1, Device).squeeze(1), TargetRow.Weights(batch, Device));

    private protected override TextScore Decode(ReadOnlySpan<float> logits, TokenizedText tokens) => new(logits[0], tokens.TruncatedTokens);

    private sealed class Evaluation(TextRegressor model) : IEvaluation
    {
        private readonly RegressionAccumulator _accumulator = new();
        private readonly MetricCollector<double, double> _user = model.CollectMetrics<double, double>();
        private readonly MeanLoss _loss = new();

        public void Add(Batch batch, ForwardContext context)
        {
            var tokens = OwnRows.Batch<TokenizedBatch>(batch);
            Tensor logits = model.Head.Logits(tokens.Input, context);
            _loss.Add(model.LossOf(logits, tokens), batch.TargetCount);
            float[] values = logits.to(ScalarType.Float32).cpu().data<float>().ToArray();
            for (int row = 0; row < values.Length; row++)
            {
                double target = ((TargetRow)batch.Rows[row]).Targets![0];
                _accumulator.Add(target, values[row]);
                _user.Add(target, values[row]);
            }
        }

        public MetricReport Report() => _user.Extend(_accumulator.Report(_loss.Value));
    }
}
