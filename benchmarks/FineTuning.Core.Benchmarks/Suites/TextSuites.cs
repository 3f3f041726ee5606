using BenchmarkDotNet.Attributes;
using FineTuning.Batching;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Suites;

/// <summary>The sample's sentences to tokens: ids alone by Microsoft.ML.Tokenizers, and ours with offsets into the original text.</summary>
[Config(typeof(SuiteConfig))]
public class TokenizingSuite
{
    private readonly string[] _texts = [.. SuiteModel.Sentences.Select(row => row.Text)];
    private Microsoft.ML.Tokenizers.BertTokenizer _idsOnly = null!;
    private PretrainedTokenizer _tokenizer = null!;

    [GlobalSetup]
    public void Setup()
    {
        _idsOnly = Microsoft.ML.Tokenizers.BertTokenizer.Create(Path.Combine(SuiteModel.Folder, "vocab.txt"));
        _tokenizer = PretrainedTokenizer.Load(SuiteModel.Folder);
    }

    [Benchmark(Baseline = true)]
    public int IdsByMicrosoftMl() => _texts.Sum(text => _idsOnly.EncodeToIds(text).Count);

    [Benchmark]
    public int IdsAndOffsets() => _texts.Sum(text => _tokenizer.Encode(text).Ids.Length);
}

/// <summary>A checkpoint folder to a model that can answer.</summary>
[Config(typeof(SuiteConfig))]
public class LoadingSuite
{
    [Benchmark(Baseline = true)]
    public void Idiomatic() => SuiteModel.LoadIdiomatic().Dispose();

    [Benchmark]
    public void OursWithTokenizer() => SuiteModel.Load().Dispose();
}

/// <summary>Accuracy over the sample's sentences: the idiomatic loop in batches of 32 as listed, and ours with its metrics.</summary>
[Config(typeof(SuiteConfig))]
public class EvaluationSuite
{
    private TextClassifier<string> _model = null!;
    private IdiomaticBert _idiomatic = null!;
    private RowSet _rows = null!;

    [GlobalSetup]
    public void Setup()
    {
        _model = SuiteModel.Load();
        _rows = RowSet.Encode(_model, SuiteModel.Sentences, "sentences", null, default);
        _idiomatic = SuiteModel.LoadIdiomatic();
        _idiomatic.eval();
    }

    [Benchmark(Baseline = true)]
    public long Idiomatic()
    {
        long right = 0;
        using var gradients = no_grad();
        foreach (EncodedRow[] rows in _rows.Rows.Chunk(32))
        {
            using var scope = NewDisposeScope();
            int length = rows.Max(row => row.Length);
            var ids = new long[rows.Length, length];
            var mask = new float[rows.Length, length];
            for (int row = 0; row < rows.Length; row++)
            {
                IReadOnlyList<int> tokens = ((TokenizedRow)rows[row]).Ids;
                for (int i = 0; i < tokens.Count; i++) (ids[row, i], mask[row, i]) = (tokens[i], 1);
            }
            right += _idiomatic.forward(tensor(ids), tensor(mask)).argmax(1).eq(0).sum().item<long>();
        }
        return right;
    }

    [Benchmark]
    public double Ours() => Evaluator.Evaluate(_model, _rows, new EvaluationWatch(CancellationToken.None))!["accuracy"];

    [GlobalCleanup]
    public void Cleanup()
    {
        _model.Dispose();
        _idiomatic.Dispose();
    }
}
