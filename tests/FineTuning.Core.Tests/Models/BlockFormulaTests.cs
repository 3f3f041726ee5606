using FineTuning.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Blocks against their formulas, written out number by number.</summary>
public sealed class BlockFormulaTests : IDisposable
{
    private const int Hidden = 8, Heads = 2, Width = 4, Tokens = 7;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Blocks _blocks = new();

    public void Dispose()
    {
        _blocks.Dispose();
        _scope.Dispose();
    }

    /// <summary>
    /// The score of a query and a key is Qc Kc + Qc Kr[d] + Kc Qr[d] over the root of three widths, d being the bucket of query minus key (He et al. 2021,
    /// equations 3 and 4; the paper turns d around in the last term, the published weights and the reference do not).
    /// </summary>
    [Fact]
    public void Disentangled_attention_adds_three_terms()
    {
        const int farthest = 3;
        var plan = new DisentangledPlan(farthest, 0, farthest, true, true, SharesProjections: false);
        DisentangledPositions positions = DisentangledPositions.Make(_blocks.Builder, plan, "", Hidden);
        var heads = new AttentionPlan(Heads, Heads, Width) { Bias = true, OutputBias = true, Disentangled = plan };
        DisentangledAttention attention = DisentangledAttention.Make(_blocks.Builder, heads, "block", 1, Hidden);
        Tensor input = _blocks.Leaf(1, Tokens, Hidden);
        Tensor found = attention.Forward(input, new() { Relative = positions.Of(Tokens, CPU) }, null, Blocks.Pass);

        Tensor W(string name) => _blocks.Builder.Weights.Find(name)!.Value;
        double[,] projected = Rows(input[0].mm(W("block.projection.weight").t()).Plus(W("block.projection.bias")));
        double[,] positionKeys = Rows(W("relative.weight").mm(W("block.position_key.weight").t()).Plus(W("block.position_key.bias")));
        double[,] positionQueries = Rows(W("relative.weight").mm(W("block.position_query.weight").t()).Plus(W("block.position_query.bias")));
        var mixed = new double[Tokens, Hidden];
        for (int head = 0; head < Heads; head++)
        {
            for (int q = 0; q < Tokens; q++)
            {
                var weights = new double[Tokens];
                for (int k = 0; k < Tokens; k++)
                {
                    int bucket = Math.Clamp(q - k + farthest, 0, (2 * farthest) - 1);
                    double score = 0;
                    for (int c = head * Width; c < (head + 1) * Width; c++)
                    {
                        double query = projected[q, c], key = projected[k, Hidden + c];
                        score += (query * key) + (query * positionKeys[bucket, c]) + (key * positionQueries[bucket, c]);
                    }
                    weights[k] = Math.Exp(score / Math.Sqrt(3 * Width));
                }
                double total = weights.Sum();
                for (int k = 0; k < Tokens; k++)
                {
                    for (int c = head * Width; c < (head + 1) * Width; c++) mixed[q, c] += weights[k] / total * projected[k, (2 * Hidden) + c];
                }
            }
        }
        Tensor expected = tensor(mixed).mm(W("block.output.weight").t()).Plus(W("block.output.bias"));
        Assert.True((expected - found[0]).abs().max().item<double>() < 1e-12);
    }

    /// <summary>The reference's buckets of distances -20 to 20, of 8 on both sides up to distance 16, and of 8 on one side.</summary>
    [Fact]
    public void Buckets_of_a_bias_are_exact_near_and_logarithmic_far()
    {
        long[] both = [.. Enumerable.Range(-20, 41).Select(ahead => Bucket(ahead, 8, 16, true))], one = [.. Enumerable.Range(-20, 41).Select(ahead => Bucket(ahead, 8, 16, false))];
        using var scope = NewDisposeScope();
        Tensor foundBoth = RelativeBuckets.OfBias(0, 41, 8, 16, true, CPU), foundOne = RelativeBuckets.OfBias(0, 41, 8, 16, false, CPU);
        Assert.Equal(both, foundBoth[20].data<long>().ToArray());
        Assert.Equal(one, foundOne[20].data<long>().ToArray());
        Assert.Equal(foundBoth[20, 0].item<long>(), foundBoth[21, 1].item<long>());
    }

    [Theory]
    [InlineData(4, 40)]
    [InlineData(16, 64)]
    [InlineData(256, 512)]
    public void Signed_buckets_are_odd_exact_near_and_never_beyond_the_table(int buckets, int farthest)
    {
        Tensor found = RelativeBuckets.Signed(farthest, farthest, buckets, farthest, CPU);
        Assert.True(found.eq(-found.t()).all().item<bool>());
        long[] column = [.. found.select(1, 0).data<long>()];
        for (int distance = 0; distance < farthest; distance++)
        {
            if (distance <= buckets / 2) Assert.Equal(distance, column[distance]);
            else Assert.InRange(column[distance], column[distance - 1], buckets - 1);
        }
        Assert.Equal(buckets - 1, column[^1]);
    }

    /// <summary>The product of a turned query and a turned key depends on their distance alone (Su et al. 2021, equation 16).</summary>
    [Fact]
    public void Rotation_tells_distances_not_places()
    {
        Tensor query = _blocks.Leaf(1, 1, 1, Hidden), key = _blocks.Leaf(1, 1, 1, Hidden), frequencies = Rotation.Frequencies(Hidden, 10000, CPU);
        double Product(long queryPlace, long keyPlace) =>
            (Rotation.At(frequencies, Range(queryPlace, queryPlace + 1)).Turn(query) * Rotation.At(frequencies, Range(keyPlace, keyPlace + 1)).Turn(key)).sum().item<double>();
        Assert.Equal(Product(3, 5), Product(40, 42), 5);
        Assert.NotEqual(Product(3, 5), Product(3, 6), 5);
        Assert.Equal((query * key).sum().item<double>(), Product(0, 0), 12);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Root_mean_square_norm_divides_by_the_root_of_the_mean_square(double shift)
    {
        Tensor input = _blocks.Leaf(3, Hidden);
        INorm norm = Norms.Make(_blocks.Builder, NormPlan.RootMeanSquare(1e-6, shift), "block.norm", 1, Hidden)!;
        double[,] numbers = Rows(input), found = Rows(norm.Forward(input));
        double[] gains = [.. _blocks.Builder.Weights.Find("block.norm.weight")!.Value.data<double>()];
        for (int row = 0; row < 3; row++)
        {
            double root = Math.Sqrt(Enumerable.Range(0, Hidden).Sum(c => numbers[row, c] * numbers[row, c]) / Hidden + 1e-6);
            for (int c = 0; c < Hidden; c++) Assert.Equal(numbers[row, c] / root * (gains[c] + shift), found[row, c], 12);
        }
    }

    [Fact]
    public void Layers_in_groups_run_as_often_as_they_are_asked_and_exist_once()
    {
        const string configuration = """
            { "model_type": "albert", "vocab_size": 9, "hidden_size": 8, "embedding_size": 4, "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 6,
              "num_hidden_layers": 5, "num_hidden_groups": 2, "inner_group_num": 3 }
            """;
        using OutputHead model = OutputHead.Create(configuration, HeadKind.None);
        string[] layers = [.. model.Weights.Select(weight => weight.Name).Where(name => name.EndsWith("attention.projection.weight", StringComparison.Ordinal))];
        Assert.Equal(6, layers.Length);
        Assert.Equal(6, model.Trunk.AllStates(new(zeros([1, 4], ScalarType.Int64), null, null), ForwardContext.Evaluation()).Count);
        // Layers 0 to 2 share the first group, layers 3 and 4 the second; each stands at the depth of the highest layer it serves.
        Assert.Equal(3, model.Weights.Find("groups.0.layers.2.attention.projection.weight")!.Depth);
        Assert.Equal(5, model.Weights.Find("groups.1.layers.0.attention.projection.weight")!.Depth);
    }

    private static long Bucket(int ahead, int buckets, int farthest, bool bothSides)
    {
        int side = bothSides ? buckets / 2 : buckets, exact = side / 2, distance = bothSides ? Math.Abs(ahead) : Math.Max(0, -ahead);
        int own = distance < exact ? distance : Math.Min(side - 1, exact + (int)((float)Math.Log((float)distance / exact) / Math.Log((double)farthest / exact) * (side - exact)));
        return own + (bothSides && ahead > 0 ? side : 0);
    }

    private static double[,] Rows(Tensor matrix)
    {
        var rows = new double[matrix.shape[0], matrix.shape[1]];
        for (int i = 0; i < rows.GetLength(0); i++)
        {
            for (int j = 0; j < rows.GetLength(1); j++) rows[i, j] = matrix[i, j].item<double>();
        }
        return rows;
    }
}
