using FineTuning.Batching;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>A recipe that a search tries.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Values">What was chosen, by the dimension's name.</param>
/// <param name="Options">The recipe.</param>
internal sealed record SearchCandidate(int Number, IReadOnlyList<KeyValuePair<string, string>> Values, TrainingOptions Options);

/// <summary>Which recipes are tried: a pure function of dimensions, number and seed.</summary>
internal static class SearchPlan
{
    /// <summary>The most recipes of one search.</summary>
    public const int Most = 10_000;

    /// <summary>How many there are: all combinations of listed values, or as many as are asked for. Null: more than <see cref="Most"/>, or not said.</summary>
    public static int? Count(IReadOnlyList<SearchDimension> dimensions, int? trials)
    {
        if (trials is not null && dimensions.Any(dimension => dimension.Count is null)) return trials;
        double all = dimensions.Aggregate(1.0, (product, dimension) => product * (dimension.Count ?? double.PositiveInfinity));
        double count = Math.Min(all, trials ?? double.PositiveInfinity);
        return count <= Most ? (int)count : null;
    }

    /// <summary>
    /// The recipes. A grid is gone through in order, or some of it are drawn without replacement. With intervals every dimension is cut into as many equal
    /// parts as there are recipes, and each part is used once (a Latin hypercube, McKay, Beckman and Conover 1979).
    /// </summary>
    public static IReadOnlyList<SearchCandidate> Of(TrainingOptions recipe, IReadOnlyList<SearchDimension> dimensions, int count, long seed)
    {
        bool isGrid = dimensions.All(dimension => dimension.Count is not null);
        double[][] shares = isGrid ? Grid(dimensions, count, seed) : Spread(dimensions.Count, count, seed);
        var candidates = new SearchCandidate[count];
        for (int i = 0; i < count; i++)
        {
            TrainingOptions options = recipe;
            var values = new List<KeyValuePair<string, string>>();
            for (int j = 0; j < dimensions.Count; j++)
            {
                (options, string text) = dimensions[j].Apply(options, shares[i][j]);
                values.Add(new(dimensions[j].Name, text));
            }
            candidates[i] = new(i + 1, values, options);
        }
        return candidates;
    }

    private static double[][] Grid(IReadOnlyList<SearchDimension> dimensions, int count, long seed)
    {
        double all = dimensions.Aggregate(1.0, (product, dimension) => product * dimension.Count!.Value);
        // Of a grid with more combinations than can be listed, numbers are drawn and equal ones drawn again.
        IEnumerable<long> chosen = count == all ? Enumerable.Range(0, count).Select(i => (long)i)
            : all <= Most * 100 ? Permutation.Of((int)all, seed, 0, 0).Take(count).Select(i => (long)i)
            : Enumerable.Range(0, int.MaxValue).Select(i => (long)(Draw(seed, i, 0) * all)).Distinct().Take(count);
        return [.. chosen.Select(number =>
        {
            var shares = new double[dimensions.Count];
            for (int j = dimensions.Count - 1; j >= 0; j--)
            {
                (number, long own) = Math.DivRem(number, dimensions[j].Count!.Value);
                shares[j] = (own + 0.5) / dimensions[j].Count!.Value;
            }
            return shares;
        })];
    }

    private static double[][] Spread(int dimensions, int count, long seed)
    {
        int[][] parts = [.. Enumerable.Range(0, dimensions).Select(j => Permutation.Of(count, seed, j, 2))];
        return [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, dimensions).Select(j => (parts[j][i] + Draw(seed, i, j + 1)) / count).ToArray())];
    }

    private static double Draw(long seed, int trial, int dimension) =>
        (DropoutStream.Combine(DropoutStream.Combine(DropoutStream.Combine(1, (ulong)seed), (ulong)trial), (ulong)dimension) >> 11) * (1.0 / (1L << 53));
}
