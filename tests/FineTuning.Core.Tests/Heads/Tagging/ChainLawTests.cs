using FineTuning.Heads;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Tagging;

/// <summary>What must hold of a chain whatever its numbers are, in float64.</summary>
public sealed class ChainLawTests
{
    private static readonly int[] Lengths = [5, 1, 3, 4];

    [Fact]
    public void Recursions_equal_the_listing_of_all_paths()
    {
        using var scope = NewDisposeScope();
        (Tensor emissions, Tensor tags, Tensor transitions, Tensor start, Tensor end) = Draw(3);
        var chain = new LinearChain(transitions, start, end);
        Tensor losses = chain.NegativeLogLikelihood(emissions, tags, LinearChain.Mask(Lengths, 5, CPU)), marginals = chain.Marginals(emissions, Lengths);
        int[][] best = chain.BestPaths(emissions, Lengths);
        for (int row = 0; row < Lengths.Length; row++)
        {
            Tensor own = emissions.select(0, row).narrow(0, 0, Lengths[row]);
            (double highest, double partition, double[,] expected) = PathEnumeration.Of(own, transitions, start, end);
            int[] truth = [.. Enumerable.Range(0, Lengths[row]).Select(step => (int)tags[row, step].item<long>())];
            Assert.Equal(partition - Score(truth), losses[row].item<double>(), 9);
            Assert.Equal(highest, Score(best[row]), 9);
            for (int step = 0; step < Lengths[row]; step++)
            {
                for (int tag = 0; tag < 3; tag++) Assert.Equal(expected[step, tag], marginals[row, step, tag].item<double>(), 9);
            }

            double Score(int[] path)
            {
                double score = start[path[0]].item<double>() + end[path[^1]].item<double>();
                for (int step = 0; step < path.Length; step++) score += own[step, path[step]].item<double>() + (step == 0 ? 0 : transitions[path[step - 1], path[step]].item<double>());
                return score;
            }
        }
    }

    [Fact]
    public void Gradients_equal_differences()
    {
        using var scope = NewDisposeScope();
        (Tensor emissions, Tensor tags, Tensor transitions, Tensor start, Tensor end) = Draw(4);
        Tensor[] leaves = [emissions.requires_grad_(), transitions.requires_grad_(), start.requires_grad_(), end.requires_grad_()];
        Tensor starts = tensor(new double[] { 1, 0, 1, 0 }), ends = tensor(new double[] { 1, 1, 0, 0 });
        Tensor Loss() => new LinearChain(transitions, start, end).NegativeLogLikelihood(emissions, tags, LinearChain.Mask(Lengths, 5, CPU), starts, ends).sum();
        Loss().backward();
        const double step = 1e-6;
        foreach (Tensor leaf in leaves)
        {
            double[] gradient = leaf.grad!.data<double>().ToArray();
            using var constant = no_grad();
            Tensor flat = leaf.view(-1);
            for (int i = 0; i < gradient.Length; i++)
            {
                double value = flat[i].item<double>();
                flat[i] = value + step;
                double above = Loss().item<double>();
                flat[i] = value - step;
                double below = Loss().item<double>();
                flat[i] = value;
                Assert.Equal((above - below) / (2 * step), gradient[i], 6);
            }
        }
    }

    [Fact]
    public void Padding_and_the_order_of_rows_change_nothing()
    {
        using var scope = NewDisposeScope();
        (Tensor emissions, Tensor tags, Tensor transitions, Tensor start, Tensor end) = Draw(3);
        var chain = new LinearChain(transitions, start, end);
        Tensor losses = chain.NegativeLogLikelihood(emissions, tags, LinearChain.Mask(Lengths, 5, CPU));
        int[][] best = chain.BestPaths(emissions, Lengths);
        for (int row = 0; row < Lengths.Length; row++)
        {
            int[] length = [Lengths[row]];
            Tensor own = emissions.narrow(0, row, 1).narrow(1, 0, length[0]), truth = tags.narrow(0, row, 1).narrow(1, 0, length[0]);
            Assert.Equal(chain.NegativeLogLikelihood(own, truth, LinearChain.Mask(length, length[0], CPU)).item<double>(), losses[row].item<double>(), 10);
            Assert.Equal(chain.BestPaths(own, length)[0], best[row]);
        }
        int[] turned = [.. Lengths.Reverse()];
        Tensor backward = chain.NegativeLogLikelihood(emissions.flip(0), tags.flip(0), LinearChain.Mask(turned, 5, CPU)).flip(0);
        Assert.True((losses - backward).abs().max().item<double>() < 1e-10);
    }

    private static (Tensor Emissions, Tensor Tags, Tensor Transitions, Tensor Start, Tensor End) Draw(int tags)
    {
        using var generator = new Generator(11);
        Tensor Normal(params long[] shape) => randn(shape, generator: generator).to(ScalarType.Float64);
        Tensor emissions = Normal(Lengths.Length, 5, tags), transitions = Normal(tags, tags), start = Normal(tags), end = Normal(tags);
        Tensor truth = tensor(Enumerable.Range(0, Lengths.Length * 5).Select(i => (long)(i * 7 % tags)).ToArray(), [Lengths.Length, 5]);
        return (emissions, truth, transitions, start, end);
    }
}
