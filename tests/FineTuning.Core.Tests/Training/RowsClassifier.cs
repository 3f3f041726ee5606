using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>Token ids with a label.</summary>
internal sealed record IdsWithLabel(int[] Ids, int Label);

/// <summary>A classifier over rows of token ids: the loop without a tokenizer. Dropout is as the model was loaded.</summary>
internal class RowsClassifier(OutputHead encoder) : TunableModel<IdsWithLabel>
{
    public OutputHead Encoder => encoder;

    public override WeightSet Weights => encoder.Weights;

    private protected override OutputHead? AdaptedHead => encoder;

    public override string PrimaryMetric => "accuracy";

    public override EncodedRow? Encode(IdsWithLabel example, EncodingReport report) => new Row(example);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new TokenizedBatch(rows, paddedLength, TokenizedBatch.Stack(rows, paddedLength, 0, Device));

    public override Tensor SumLoss(Batch batch, ForwardContext context) =>
        nn.functional.cross_entropy(encoder.Logits(((TokenizedBatch)batch).Input, context), Labels(batch), reduction: nn.Reduction.Sum);

    public override IEvaluation NewEvaluation() => new Evaluation(this);

    private static Tensor Labels(Batch batch) => tensor(batch.Rows.Select(row => (long)((Row)row).Label).ToArray());

    private sealed class Row(IdsWithLabel example) : TokenizedRow(example.Ids, null)
    {
        public int Label { get; } = example.Label;
    }

    private sealed class Evaluation(RowsClassifier model) : IEvaluation
    {
        private readonly ClassificationAccumulator _accumulator = new([.. Enumerable.Range(0, model.Encoder.Outputs).Select(i => $"L{i}")]);
        private double _loss;

        public void Add(Batch batch, ForwardContext context)
        {
            _loss += model.SumLoss(batch, context).item<float>();
            Tensor probabilities = nn.functional.softmax(model.Encoder.Logits(((TokenizedBatch)batch).Input, context), -1);
            for (int i = 0; i < batch.Rows.Count; i++) _accumulator.Add(((Row)batch.Rows[i]).Label, probabilities[i].data<float>().ToArray());
            Count += batch.Rows.Count;
        }

        private int Count { get; set; }

        public MetricReport Report() => _accumulator.Report(_loss / Count);
    }
}
