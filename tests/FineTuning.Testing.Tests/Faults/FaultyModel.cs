using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace FineTuning.Testing.Tests.Faults;

/// <summary>What is wrong with a model.</summary>
public enum Fault
{
    None,
    CountsPadding,
    AnswersInReverse,
    MeanLoss,
    IgnoresWeights,
    WrongGradient,
    IdleWeight,
    CountsTargetsTwice,
    EvaluatesOtherwise,
    AnswersNaN,
    ForgetsWhatItSaw,
}

/// <summary>A model of one's own with one fault: texts as bags of letters, one number out.</summary>
internal sealed class FaultyModel : TunableModel<ScoredText>, IPredictor<string, double>
{
    private const int Letters = 27;
    private readonly Fault _fault;
    private readonly nn.Module<Tensor, Tensor> _network;
    private int _seen;

    public FaultyModel(Fault fault)
    {
        _fault = fault;
        _network = nn.Sequential(nn.Linear(Letters, 3), nn.Tanh(), nn.Linear(3, 1));
        int next = 1;
        using var still = no_grad();
        foreach (Parameter parameter in _network.parameters())
        {
            float[] values = [.. Enumerable.Range(0, (int)parameter.numel()).Select(_ => (float)Math.Sin(next++))];
            parameter.copy_(tensor(values, parameter.shape));
        }
        Weights = WeightSet.Of(_network);
    }

    public override WeightSet Weights { get; }

    public override EncodedRow? Encode(ScoredText example, EncodingReport report)
    {
        if (example.Text.Length > 40 && _fault != Fault.ForgetsWhatItSaw) report.Truncated(example.Text.Length - 40);
        return new Row(example.Text[..Math.Min(40, example.Text.Length)], example.Score, example.Weight);
    }

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new LetterBatch(rows, paddedLength, _fault == Fault.CountsPadding, _fault == Fault.CountsTargetsTwice);

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        var letters = (LetterBatch)batch;
        Tensor outputs = _network.call(letters.Input).squeeze(1);
        Tensor losses = (outputs - letters.Target).Squared();
        if (_fault != Fault.IgnoresWeights) losses = losses * letters.Weight;
        if (_fault == Fault.WrongGradient) losses = losses * (outputs.detach() - letters.Target).abs();
        if (_fault == Fault.IdleWeight) losses = losses * Scalars.Held(0);
        return _fault == Fault.MeanLoss ? losses.mean() : losses.sum();
    }

    public override IEvaluation NewEvaluation() => new Evaluation(this);

    public double Predict(string input) => PredictBatch([input])[0];

    public IReadOnlyList<double> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        using WeightPass pass = Weights.Enter();
        using IDisposable scope = NewDisposeScope(), still = no_grad();
        EncodedRow[] rows = [.. inputs.Select(input => new Row(input, 0, 1))];
        double[] values = [.. _network.call(((LetterBatch)Collate(rows, rows.Max(row => row.Length))).Input).squeeze(1).data<float>().ToArray().Select(value => (double)value)];
        if (_fault == Fault.ForgetsWhatItSaw) values = [.. values.Select(value => value + (Interlocked.Increment(ref _seen) * 1e-2))];
        if (_fault != Fault.AnswersNaN && values.Any(double.IsNaN)) throw new Errors.NonFiniteException("NaN");
        return _fault == Fault.AnswersInReverse ? [.. values.Reverse()] : values;
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _network.Dispose();
    }

    private sealed class Row(string text, double score, double weight) : EncodedRow(Math.Max(1, text.Length))
    {
        public string Text => text;

        public double Score => score;

        public double Weight => weight;

        public override double TargetCount => weight;
    }

    private sealed class LetterBatch(IReadOnlyList<EncodedRow> rows, int paddedLength, bool countsPadding, bool twice) : Batch(rows, paddedLength)
    {
        public Tensor Input { get; } = tensor(rows.Cast<Row>().SelectMany(row => Count(row.Text, countsPadding ? paddedLength : row.Length)).ToArray(), [rows.Count, Letters]);

        public Tensor Target { get; } = tensor(rows.Cast<Row>().Select(row => (float)row.Score).ToArray());

        public Tensor Weight { get; } = tensor(rows.Cast<Row>().Select(row => (float)row.Weight).ToArray());

        public override double TargetCount { get; } = rows.Sum(row => row.TargetCount) * (twice ? 2 : 1);

        private static float[] Count(string text, int length)
        {
            var counts = new float[Letters];
            foreach (char letter in text.ToLowerInvariant()) counts[char.IsAsciiLetterLower(letter) ? letter - 'a' : Letters - 1] += 1f / length;
            return counts;
        }
    }

    private sealed class Evaluation(FaultyModel model) : IEvaluation
    {
        private double _loss, _count;

        public void Add(Batch batch, ForwardContext context)
        {
            _loss += model.SumLoss(batch, context).item<float>();
            _count += model._fault == Fault.EvaluatesOtherwise ? 1 : batch.TargetCount;
        }

        public MetricReport Report() => new([MetricValue.Lower("loss", _loss / _count)]);
    }
}
