// snippet: star-rater
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

/// <summary>Stars from 1 to 5 for a review, as ordered levels and not as classes (Cao, Mirjalili and Raschka 2020, section 3): one score, four cut points.</summary>
internal sealed class StarRater : TunableModel<ScoredText>, IPredictor<string, int>
{
    private const int Cuts = 4;
    private readonly PretrainedTokenizer _tokenizer;
    private readonly Trunk _trunk;
    private readonly Tensor _score, _cuts;

    public StarRater(string folder)
    {
        _tokenizer = PretrainedTokenizer.Load(folder);
        _trunk = Trunk.Load(folder);
        Weights = new WeightSet(_trunk.Weights);
        // What the task adds to the trunk's weights is trained, frozen and put back with them; the depth says that it lies above all layers.
        _score = Weights.Add("stars.score", zeros(1, _trunk.Plan.HiddenSize), WeightKind.Matrix, Weights.HeadDepth).Value;
        _cuts = Weights.Add("stars.cuts", linspace(1, -1, Cuts), WeightKind.Bias, Weights.HeadDepth).Value;
    }

    public override WeightSet Weights { get; }

    public override string PrimaryMetric => "mae";

    public override EncodedRow? Encode(ScoredText example, EncodingReport report)
    {
        TokenizedText tokens = Tokenize(example.Text);
        report.Truncated(tokens.TruncatedTokens);
        return new Row(tokens.Ids, example.Score);
    }

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new TokenizedBatch(rows, paddedLength, TokenizedBatch.Stack(rows, paddedLength, _tokenizer.PadId ?? 0, Device));

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        // Target k is 1 where the review has more than k stars.
        Tensor stars = tensor(batch.Rows.Select(row => (float)((Row)row).Stars).ToArray()).unsqueeze(1);
        Tensor targets = stars.gt(Range(1, Cuts + 1)).to(ScalarType.Float32);
        return nn.functional.binary_cross_entropy_with_logits(Logits(((TokenizedBatch)batch).Input, context), targets, reduction: nn.Reduction.Sum);
    }

    public override IEvaluation NewEvaluation() => new Distance(this);

    public int Predict(string input) => PredictBatch([input])[0];

    public IReadOnlyList<int> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        using IDisposable scope = NewDisposeScope(), still = no_grad();
        return [.. inputs.Select(text => (int)Stars(Collate([new Row(Tokenize(text).Ids, 0)], Tokenize(text).Ids.Length), ForwardContext.Evaluation())[0])];
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _trunk.Dispose();
    }

    private TokenizedText Tokenize(string text) =>
        _tokenizer.Encode(text, null, new TokenizingOptions { MaximumLength = 64, Truncation = TruncationStrategy.LongestFirst });

    // [rows, cuts]: the same score for all cuts, so that the levels keep their order.
    private Tensor Logits(TrunkInput input, ForwardContext context) =>
        nn.functional.linear(context.Dropout(_trunk.Hidden(input, context, WantedStates.First).select(1, 0), 0.1, site: 1), _score).Plus(_cuts);

    private float[] Stars(Batch batch, ForwardContext context) =>
        Logits(((TokenizedBatch)batch).Input, context).gt(Held(0)).sum(1).Plus(1).to(ScalarType.Float32).data<float>().ToArray();

    private sealed class Row(int[] ids, double stars) : TokenizedRow(ids, null)
    {
        public double Stars { get; } = stars;
    }

    private sealed class Distance(StarRater model) : IEvaluation
    {
        private double _loss, _distance, _count;

        public void Add(Batch batch, ForwardContext context)
        {
            _loss += model.SumLoss(batch, context).item<float>();
            _distance += model.Stars(batch, context).Zip(batch.Rows, (found, row) => Math.Abs(found - ((Row)row).Stars)).Sum();
            _count += batch.TargetCount;
        }

        public MetricReport Report() => new([MetricValue.Lower("loss", _loss / _count), MetricValue.Lower("mae", _distance / _count)]);
    }
}
// end
