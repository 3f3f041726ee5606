using BenchmarkDotNet.Attributes;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Suites;

/// <summary>One training step over the same 32 sentences: forward, backward, clipping, optimizer. The idiomatic loop pads as ours does here: kernels alone count.</summary>
[Config(typeof(SuiteConfig))]
public class TrainingStepSuite
{
    private const int Rows = 32;

    private TextClassifier<string> _model = null!;
    private EncodedRow[] _rows = null!;
    private GradientStep _gradients = null!;
    private OptimizerState _state = null!;
    private IdiomaticBert _idiomatic = null!;
    private optim.Optimizer _optimizer = null!;
    private int _length;
    private long _step;

    [GlobalSetup]
    public void Setup()
    {
        _model = SuiteModel.Load();
        _rows = [.. SuiteModel.Sentences.Take(Rows).Select(row => _model.Encode(row, new EncodingReport())!)];
        _length = (_rows.Max(row => row.Length) + 3) / 4 * 4;
        var options = new TrainingOptions();
        _state = options.Optimizer.CreateState();
        _gradients = new GradientStep(options, _state);
        _gradients.Regroup(_model.Weights);
        _idiomatic = SuiteModel.LoadIdiomatic();
        _idiomatic.train();
        _optimizer = optim.AdamW(_idiomatic.parameters(), lr: 5e-5, weight_decay: 0.01);
    }

    [Benchmark(Baseline = true)]
    public float Idiomatic()
    {
        using var scope = NewDisposeScope();
        var ids = new long[Rows, _length];
        var mask = new float[Rows, _length];
        for (int row = 0; row < Rows; row++)
        {
            IReadOnlyList<int> tokens = ((TokenizedRow)_rows[row]).Ids;
            for (int i = 0; i < tokens.Count; i++) (ids[row, i], mask[row, i]) = (tokens[i], 1);
        }
        _optimizer.zero_grad();
        Tensor targets = zeros(Rows, ScalarType.Int64);
        Tensor loss = nn.functional.cross_entropy(_idiomatic.forward(tensor(ids), tensor(mask)), targets);
        loss.backward();
        nn.utils.clip_grad_norm_(_idiomatic.parameters(), 1.0);
        _optimizer.step();
        return loss.item<float>();
    }

    [Benchmark]
    public double Ours() => Step(Precision.Float32);

    [Benchmark]
    public double OursInBFloat16() => Step(Precision.BFloat16);

    [GlobalCleanup]
    public void Cleanup()
    {
        _state.Dispose();
        _model.Dispose();
        _idiomatic.Dispose();
    }

    private double Step(Precision precision)
    {
        using var scope = NewDisposeScope();
        Batch batch = _model.Collate(_rows, _length);
        Tensor loss = _model.SumLoss(batch, ForwardContext.For(new DropoutStream(42, ++_step, 0), precision));
        loss.backward();
        double norm = _gradients.Norm(batch.TargetCount);
        _gradients.Apply(5e-5, batch.TargetCount, norm);
        _gradients.Clear();
        return loss.ToDouble();
    }
}
