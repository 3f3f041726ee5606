using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace MakeStarter;

/// <summary>A text and the vector that a larger encoder gives it.</summary>
/// <param name="Text">The text; nothing says what it is about.</param>
/// <param name="Vector">The teacher's vector.</param>
internal sealed record TaughtText(string Text, float[] Vector);

/// <summary>
/// A small encoder that learns to give a teacher's vectors, each through a matrix that is thrown away afterwards: from the mean over its tokens, which sentence
/// encoders read, and from the pooler over the first token, which classifiers read. A task of one's own, as docs/custom-task.md describes it.
/// </summary>
internal sealed class TaughtEncoder : TunableModel<TaughtText>
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly Weight _mean, _meanBias, _pooler, _poolerBias, _first, _firstBias;

    /// <param name="encoder">With a sequence head as wide as the teacher's vectors; disposed with this.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="seed">Of the matrix for the mean.</param>
    public TaughtEncoder(OutputHead encoder, PretrainedTokenizer tokenizer, ulong seed)
    {
        (Encoder, _tokenizer) = (encoder, tokenizer);
        Weights = new WeightSet(encoder.Weights);
        Weight Of(string name) => Weights.Find(name) ?? throw new InvalidOperationException($"the encoder has no weight '{name}'");
        (_pooler, _poolerBias, _first, _firstBias) = (Of("pooler.weight"), Of("pooler.bias"), Of("head.output.weight"), Of("head.output.bias"));
        using var generator = new Generator(seed);
        _mean = Weights.Add("mean.weight", randn([encoder.Outputs, encoder.Trunk.Plan.HiddenSize], generator: generator).mul_(0.02), WeightKind.Matrix, _first.Depth);
        _meanBias = Weights.Add("mean.bias", zeros(encoder.Outputs), WeightKind.Bias, _first.Depth);
    }

    public OutputHead Encoder { get; }

    public override WeightSet Weights { get; }

    public override string PrimaryMetric => "loss";

    public override EncodedRow Encode(TaughtText example, EncodingReport report)
    {
        TokenizedText tokens = _tokenizer.Encode(example.Text, null, new TokenizingOptions { MaximumLength = Encoder.Trunk.Plan.MaximumTokens!.Value, Truncation = TruncationStrategy.LongestFirst });
        report.Truncated(tokens.TruncatedTokens);
        return new Row(tokens.Ids, example.Vector);
    }

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => new TaughtBatch(rows, paddedLength, _tokenizer.PadId ?? 0);

    /// <summary>1 - cosine to the teacher's vector, for both ways, summed over the rows.</summary>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        (Tensor byMean, Tensor byFirst) = Cosines((TaughtBatch)batch, context);
        // Held until the call returns: a number that is converted on the way is the garbage collector's.
        using Scalar two = 2f.ToScalar();
        return (two - byMean - byFirst).sum();
    }

    public override IEvaluation NewEvaluation() => new Agreement(this);

    private (Tensor Mean, Tensor First) Cosines(TaughtBatch batch, ForwardContext context)
    {
        Tensor hidden = Encoder.Trunk.Hidden(batch.Input, context), real = ones_like(batch.Input.Ids, dtype: hidden.dtype);
        if (batch.Input.Mask is { } mask) real = mask.to(hidden.dtype);
        Tensor mean = (hidden * real.unsqueeze(2)).sum(1) / real.sum(1, keepdim: true);
        Tensor first = nn.functional.linear(hidden.select(1, 0), _pooler.Value, _poolerBias.Value).tanh();
        return (Cosine(nn.functional.linear(mean, _mean.Value, _meanBias.Value), batch.Vectors), Cosine(nn.functional.linear(first, _first.Value, _firstBias.Value), batch.Vectors));
    }

    private static Tensor Cosine(Tensor ours, Tensor theirs) => (nn.functional.normalize(ours, 2, 1) * theirs).sum(1);

    private sealed class Row(int[] ids, float[] vector) : TokenizedRow(ids, null)
    {
        public float[] Vector { get; } = vector;
    }

    private sealed class TaughtBatch(IReadOnlyList<EncodedRow> rows, int paddedLength, int padId) : TokenizedBatch(rows, paddedLength, Stack(rows, paddedLength, padId, CPU))
    {
        /// <summary>[rows, width], each of length 1</summary>
        public Tensor Vectors { get; } = nn.functional.normalize(stack(rows.Select(row => tensor(((Row)row).Vector))), 2, 1);
    }

    private sealed class Agreement(TaughtEncoder model) : IEvaluation
    {
        private double _mean, _first, _count;

        public void Add(Batch batch, ForwardContext context)
        {
            (Tensor byMean, Tensor byFirst) = model.Cosines((TaughtBatch)batch, context);
            _mean += byMean.sum().item<float>();
            _first += byFirst.sum().item<float>();
            _count += batch.TargetCount;
        }

        public MetricReport Report() => new([MetricValue.Lower("loss", 2 - ((_mean + _first) / _count)), MetricValue.Higher("cosine_mean", _mean / _count), MetricValue.Higher("cosine_first", _first / _count)]);
    }
}
