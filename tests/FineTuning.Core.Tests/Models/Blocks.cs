using FineTuning.Models;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Blocks with random float64 weights, outside of any model.</summary>
internal sealed class Blocks : IDisposable
{
    private static readonly string[] Modules =
    [
        "block", "block.norm", "block.inner", "block.outer", "block.query", "block.key", "block.value", "block.output", "block.projection", "block.position_key",
        "block.position_query", "block.gate", "block.up", "block.query_norm", "block.key_norm", "block.memory", "relative", "relative.norm", "convolution", "convolution.norm",
        .. new[] { "query", "key", "value", "output", "norm" }.Select(module => "block.attention." + module), .. new[] { "inner", "outer", "norm" }.Select(module => "block.feed_forward." + module),
    ];

    private readonly Generator _generator = new(9);

    private readonly CheckpointReader _reader = new(
        null, new NameTable("", [.. Modules.Select(module => (NameRow)(module, module))]), "", new ModelLoadOptions { MasterType = ScalarType.Float64 });

    public Blocks() => Builder = new(_reader, new WeightSet(), new ModuleIndex(), new TrunkPlan { InitializerRange = 0.4 });

    public WeightBuilder Builder { get; }

    public static ForwardContext Pass { get; } = ForwardContext.EvaluationIn(ScalarType.Float64);

    /// <summary>A leaf of random numbers that asks for its gradient.</summary>
    public Tensor Leaf(params long[] shape) => randn(shape, ScalarType.Float64, generator: _generator).requires_grad_(true);

    /// <summary>Checks the gradients of the input and of every weight made so far; biases and gains are first moved from 0 and 1.</summary>
    public void Check(Tensor input, Func<Tensor> block)
    {
        using (no_grad())
        {
            foreach (Weight weight in Builder.Weights) weight.Value.add_(randn(weight.Value.shape, ScalarType.Float64, generator: _generator), Held(0.3));
        }
        Tensor? factors = null;
        Tensor Function()
        {
            Tensor output = block();
            factors ??= randn(output.shape, ScalarType.Float64, generator: _generator);
            return (output * factors).sum();
        }
        GradientCheck.Check(Function, [("input", input), .. Builder.Weights.Select(weight => (weight.Name, weight.Value))]);
    }

    public void Dispose()
    {
        Builder.Weights.Dispose();
        _reader.Dispose();
        _generator.Dispose();
    }
}
