using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Tensors;

public sealed class KernelTests
{
    [Fact]
    public void Every_kernel_compiles_and_computes()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor a = tensor(new float[] { 3, 0 }), b = tensor(new float[] { 0, 4 });
        Assert.Equal(5, Kernels.Norm([a, b]).item<float>());
        Kernels.Scale([a, b], 2);
        Assert.Equal([6f, 0f], a.data<float>().ToArray());
        Assert.Equal([6f, 0f, 0f, 8f], Kernels.Embedding(stack([a, b]), tensor(new long[] { 0, 1 })).data<float>().ToArray());
        Tensor ones = torch.ones(1, 1, 3, 4);
        Assert.Equal([1, 1, 3, 4], Kernels.Attend(ones, ones, ones, null, true, 0.5).shape);
    }

    [Fact]
    public void Fused_AdamW_equals_its_definition_and_divides_gradients_on_the_way()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor p = tensor(new float[] { 1, -2, 3 }), g = tensor(new float[] { 4, -8, 2 });
        Tensor m = zeros(3), v = zeros(3), step = tensor(0f);
        Kernels.AdamW(new([p], [g], [m], [v], [], [step]), new(0.1, 0.9, 0.99, 0.01, 1e-8, false), tensor(2f));
        float[] expected = [.. new double[] { 1, -2, 3 }.Zip(new double[] { 2, -4, 1 }, (w, d) => (float)((w * (1 - (0.1 * 0.01))) - (0.1 * d / (Math.Abs(d) + 1e-8))))];
        Assert.All(expected.Zip(p.data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Fact]
    public void Numbers_reach_a_kernel_while_memory_is_collected()
    {
        using var collector = new RestlessCollector();
        using var gradients = no_grad();
        for (int i = 0; i < 2000; i++)
        {
            using var scope = NewDisposeScope();
            Tensor ones = torch.ones(2, 2);
            Kernels.Scale([ones], 3);
            Assert.Equal(3f, ones[0, 0].item<float>());
            Assert.Equal(3f, Kernels.Embedding(ones, tensor(new long[] { 1 })).data<float>()[0]);
        }
    }
}
