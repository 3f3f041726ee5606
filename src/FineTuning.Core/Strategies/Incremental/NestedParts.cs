using FineTuning.Batching;

namespace FineTuning.Strategies;

/// <summary>An order of rows of which every beginning is a stratified part of the whole, so that parts are nested.</summary>
internal static class NestedParts
{
    private const int OrderDraw = 7, StratumDraw = 8;

    /// <summary>The indices of the rows.</summary>
    /// <param name="strata">The stratum of each row; null is one, too.</param>
    /// <param name="seed">Of the order inside a stratum.</param>
    public static int[] Order(IReadOnlyList<string?> strata, long seed)
    {
        int[] shuffled = Permutation.Of(strata.Count, seed, 0, OrderDraw);
        IGrouping<string, int>[] groups = [.. shuffled.GroupBy(index => strata[index] ?? "").OrderBy(group => group.Key, StringComparer.Ordinal)];
        int[] turns = Permutation.Of(groups.Length, seed, 0, StratumDraw);
        // The rows of a stratum stand at equal distances: the j-th of n at (j + 1/2) / n of the whole. Of equals, strata take turns by the seed.
        return [.. groups.SelectMany((group, number) => group.Select((index, j) => (Index: index, At: (j + 0.5) / group.Count(), Turn: turns[number])))
            .OrderBy(row => row.At).ThenBy(row => row.Turn).Select(row => row.Index)];
    }

    /// <summary>Sizes of stages: the whole, and parts each so many times smaller, down to a least.</summary>
    /// <param name="rows">All rows.</param>
    /// <param name="growth">Above 1.</param>
    /// <param name="least">The smallest first stage.</param>
    public static int[] Sizes(int rows, double growth, int least)
    {
        var sizes = new List<int> { rows };
        for (double size = rows / growth; size >= least && Whole(size) < sizes[^1]; size /= growth) sizes.Add(Whole(size));
        sizes.Reverse();
        return [.. sizes];
    }

    private static int Whole(double size) => (int)Math.Round(size, MidpointRounding.AwayFromZero);
}
