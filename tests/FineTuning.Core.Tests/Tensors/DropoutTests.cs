using FineTuning.Tensors;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Tensors;

public sealed class DropoutTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void The_share_of_dropped_elements_is_the_probability(double probability)
    {
        var mask = new float[1_000_000];
        DropoutMask.Fill(mask, 12345, probability);
        Assert.Equal(probability, mask.Count(value => value == 0) / (double)mask.Length, 0.002);
        Assert.All(mask.Distinct(), value => Assert.True(value == 0 || value == (float)(1 / (1 - probability))));
    }

    [Fact]
    public unsafe void Every_element_is_the_same_whatever_the_vectors_and_threads()
    {
        var whole = new float[300_000];
        fixed (float* start = whole) DropoutMask.Fill(start, whole.Length, 99, 0.3);
        uint threshold = (uint)Math.Round(0.3 * 4294967296.0);
        for (int i = 0; i < whole.Length; i++)
        {
            Assert.Equal(DropoutMask.Mix((uint)i, 99, 0) >= threshold ? (float)(1 / 0.7) : 0, whole[i]);
        }
    }

    [Fact]
    public void Masks_are_a_function_of_seed_step_micro_step_layer_and_site()
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor like = torch.zeros(64, 64);
        float[] Draw(long seed, long step, int micro, int layer, int site)
        {
            var stream = new DropoutStream(seed, step, micro);
            return stream.Layer(layer).Mask(like, 0.5, site).data<float>().ToArray();
        }
        Assert.Equal(Draw(1, 2, 3, 0, 1), Draw(1, 2, 3, 0, 1));
        float[][] others = [Draw(1, 2, 3, 0, 1), Draw(2, 2, 3, 0, 1), Draw(1, 3, 3, 0, 1), Draw(1, 2, 4, 0, 1), Draw(1, 2, 3, 1, 1), Draw(1, 2, 3, 0, 2)];
        for (int i = 0; i < others.Length; i++)
        {
            for (int j = 0; j < i; j++) Assert.Equal(0.5, others[i].Zip(others[j], (a, b) => a == b).Count(same => same) / 4096.0, 0.06);
        }
    }

    [Fact]
    public void Gradients_flow_through_what_is_kept()
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor x = torch.ones(100, requires_grad: true);
        torch.Tensor y = new DropoutStream(1, 1, 0).Apply(x, 0.25, 0);
        y.sum().backward();
        Assert.Equal(y.data<float>().ToArray(), x.grad!.data<float>().ToArray());
        Assert.Same(x, new DropoutStream(1, 1, 0).Apply(x, 0, 0));
    }
}
