using BenchmarkDotNet.Attributes;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Suites;

/// <summary>One AdamW update of all weights of the suite's model.</summary>
[Config(typeof(SuiteConfig))]
public class OptimizerSuite
{
    private Heads.TextClassifier<string> _model = null!;
    private optim.Optimizer _idiomatic = null!;
    private OptimizerState _state = null!;
    private GradientStep _step = null!;

    [GlobalSetup]
    public void Setup()
    {
        _model = SuiteModel.Load();
        foreach (Weight weight in _model.Weights) weight.Value.grad = zeros_like(weight.Value).add_(1e-3);
        _idiomatic = optim.AdamW(_model.Weights.Select(weight => new TorchSharp.Modules.Parameter(weight.Value.detach().clone()) { grad = zeros_like(weight.Value).add_(1e-3) }).ToList(), lr: 1e-5);
        var options = new TrainingOptions();
        _state = options.Optimizer.CreateState();
        _step = new GradientStep(options, _state);
        _step.Regroup(_model.Weights);
    }

    [Benchmark(Baseline = true)]
    public void TorchSharpAdamW()
    {
        using var scope = NewDisposeScope();
        _idiomatic.step();
    }

    [Benchmark]
    public void Fused()
    {
        using var scope = NewDisposeScope();
        _step.Apply(1e-5, 1, _step.Norm(1));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _state.Dispose();
        _model.Dispose();
    }
}

/// <summary>Dropout with its gradient over the hidden states of a batch.</summary>
[Config(typeof(SuiteConfig))]
public class DropoutSuite
{
    private readonly DropoutStream _stream = new(42, 1, 0);
    private Tensor _input = null!;

    [GlobalSetup]
    public void Setup()
    {
        FineTuningRuntime.Load();
        _input = ones(32, 64, 384).requires_grad_(true);
    }

    [Benchmark(Baseline = true)]
    public void TorchDropout() => Backward(nn.functional.dropout(_input, 0.1, true));

    [Benchmark]
    public void CounterMask() => Backward(_stream.Apply(_input, 0.1, 0));

    [GlobalCleanup]
    public void Cleanup() => _input.Dispose();

    private void Backward(Tensor output)
    {
        using var scope = NewDisposeScope();
        output.sum().backward();
        _input.grad = null;
        output.Dispose();
    }
}

/// <summary>Attention of 32 rows and 12 heads by length, forward and backward: torch's with its own dropout, and ours with the counter's.</summary>
[Config(typeof(SuiteConfig))]
public class AttentionSuite
{
    private readonly DropoutStream _stream = new(42, 1, 0);
    private Tensor _query = null!;

    [Params(16, 64, 128)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        FineTuningRuntime.Load();
        _query = rand(32, 12, Tokens, 32).requires_grad_(true);
    }

    [Benchmark(Baseline = true)]
    public void TorchAttention()
    {
        using var scope = NewDisposeScope();
        nn.functional.scaled_dot_product_attention(_query, _query, _query, null, 0.1, false).sum().backward();
        _query.grad = null;
    }

    [Benchmark]
    public void WithoutDropout()
    {
        using var scope = NewDisposeScope();
        Kernels.Attend(_query, _query, _query, null, false, 1 / Math.Sqrt(32)).sum().backward();
        _query.grad = null;
    }

    [Benchmark]
    public void WithCounterDropout()
    {
        using var scope = NewDisposeScope();
        Tensor flat = _query.view(-1, Tokens, 32);
        Tensor weights = nn.functional.softmax(flat.bmm(flat.transpose(1, 2)) * (1 / Math.Sqrt(32)), -1);
        _stream.Apply(weights, 0.1, 0).bmm(flat).sum().backward();
        _query.grad = null;
    }

    [GlobalCleanup]
    public void Cleanup() => _query.Dispose();
}
