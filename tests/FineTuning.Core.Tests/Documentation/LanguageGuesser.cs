// snippet: custom-task
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp.Modules;
using static TorchSharp.torch;

/// <summary>Your own task on a plain TorchSharp module: which of some languages a text is in, by its letters.</summary>
internal sealed class LanguageGuesser : TunableModel<LabeledText<string>>, IPredictor<string, string>
{
    private readonly string[] _languages;
    private readonly nn.Module<Tensor, Tensor> _network;

    public LanguageGuesser(params string[] languages)
    {
        _languages = languages;
        // A linear model learns as well from zeros; a random start would come from the process's generator.
        _network = nn.Linear('z' - 'a' + 1, languages.Length);
        foreach (Parameter parameter in _network.parameters()) nn.init.zeros_(parameter);
        Weights = WeightSet.Of(_network);
    }

    public override WeightSet Weights { get; }

    public override string PrimaryMetric => "accuracy";

    // Encode: once an example, from several threads. Null leaves the example out, and the report says why.
    public override EncodedRow? Encode(LabeledText<string> example, EncodingReport report)
    {
        float[]? letters = Letters(example.Text);
        if (letters is null) report.Skip("no letters");
        return letters is null ? null : new Row(letters, Array.IndexOf(_languages, example.Label), example.Text.Length);
    }

    // Collate: rows become tensors.
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => new LetterBatch(rows, paddedLength);

    // Loss: the sum over the rows. The loop divides by the sum of the rows' TargetCount, which is 1 unless a row says otherwise.
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        var letters = (LetterBatch)batch;
        return nn.functional.cross_entropy(_network.call(letters.Input), letters.Target, reduction: nn.Reduction.Sum);
    }

    // Metrics: batches stream through, numbers come out.
    public override IEvaluation NewEvaluation() => new Accuracy(this);

    // Decode: the outputs become what the caller asked for.
    public string Predict(string input) => PredictBatch([input])[0];

    public IReadOnlyList<string> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        using IDisposable scope = NewDisposeScope(), still = no_grad();
        Tensor rows = stack(inputs.Select(text => tensor(Letters(text) ?? new float['z' - 'a' + 1])));
        return [.. _network.call(rows).argmax(1).data<long>().ToArray().Select(index => _languages[index])];
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _network.Dispose();
    }

    private static float[]? Letters(string text)
    {
        var counts = new float['z' - 'a' + 1];
        char[] letters = [.. text.ToLowerInvariant().Where(char.IsAsciiLetterLower)];
        foreach (char letter in letters) counts[letter - 'a'] += 10f / letters.Length;
        return letters.Length == 0 ? null : counts;
    }

    private sealed class Row(float[] letters, int language, int length) : EncodedRow(length)
    {
        public float[] Letters { get; } = letters;

        public long Language { get; } = language;
    }

    private sealed class LetterBatch(IReadOnlyList<EncodedRow> rows, int paddedLength) : Batch(rows, paddedLength)
    {
        public Tensor Input { get; } = stack(rows.Select(row => tensor(((Row)row).Letters)));

        public Tensor Target { get; } = tensor(rows.Select(row => ((Row)row).Language).ToArray());
    }

    private sealed class Accuracy(LanguageGuesser model) : IEvaluation
    {
        private double _loss, _right, _count;

        public void Add(Batch batch, ForwardContext context)
        {
            var letters = (LetterBatch)batch;
            _loss += model.SumLoss(batch, context).item<float>();
            _right += model._network.call(letters.Input).argmax(1).eq(letters.Target).sum().item<long>();
            _count += batch.TargetCount;
        }

        public MetricReport Report() => new([MetricValue.Lower("loss", _loss / _count), MetricValue.Higher("accuracy", _right / _count)]);
    }
}
// end
