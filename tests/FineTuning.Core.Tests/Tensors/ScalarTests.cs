using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Tensors;

/// <summary>Numbers reach native operations whole, whatever the collector does meanwhile.</summary>
public sealed class ScalarTests
{
    [Fact]
    public void Operations_with_numbers_compute_while_memory_is_collected()
    {
        using var collector = new RestlessCollector();
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, worker =>
        {
            using var scope = NewDisposeScope();
            Tensor ones = torch.ones(8);
            for (int i = 0; i < 5000; i++)
            {
                using var inner = NewDisposeScope();
                double value = 1 + (i % 7);
                Tensor computed = (ones * Held(value)).Plus(ones).Plus(value).clamp_min(Held(2.5)).masked_fill(ones.gt(Held(2)), Held(-1f));
                Assert.Equal(8 * Math.Max(2.5, (2 * value) + 1), computed.sum().Number(), 1e-6);
            }
        });
    }

    [Theory]
    [InlineData(2, 1, null)]
    [InlineData(0, int.MaxValue, null)]
    [InlineData(long.MinValue, long.MaxValue, null)]
    [InlineData(0, 5, ScalarType.Bool)]
    [InlineData(0, 5, (ScalarType)99)]
    public void A_range_that_no_tensor_holds_is_refused(long first, long end, ScalarType? type) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Range(first, end, type));

    [Fact]
    public void Whole_numbers_leave_whole_numbers()
    {
        using var scope = NewDisposeScope();
        Tensor whole = Range(0, 5);
        Assert.Equal(ScalarType.Int64, whole.Plus(2).dtype);
        Assert.Equal(ScalarType.Int64, (whole * Held(3)).dtype);
        Assert.Equal([2L, 3, 4, 5, 6], whole.Plus(2).data<long>().ToArray());
        Assert.Equal(10, whole.sum().Number());
        Assert.Equal([2L, 3, 4, 5, 6], whole.clone().PlusInPlace(2).data<long>().ToArray());
        Tensor target = ones(2);
        Assert.Equal(3.5, target.PlusInPlace(ones(2)).PlusInPlace(1.5)[0].Number());
        Assert.Equal(3.5, target[1].Number());
    }
}
