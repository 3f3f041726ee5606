using FineTuning.Batching;

namespace FineTuning.Strategies;

/// <summary>Cuts examples into parts of like size: those of a group stay together, and strata are spread evenly.</summary>
internal static class SearchFolds
{
    /// <summary>The part of each example, from 0.</summary>
    /// <param name="count">How many examples there are.</param>
    /// <param name="folds">How many parts; 2 or more.</param>
    /// <param name="stratum">What an example is spread by. Null: nothing.</param>
    /// <param name="group">What keeps examples together. Null: each stands alone.</param>
    /// <param name="seed">Shuffles those that are alike.</param>
    public static int[] Of(int count, int folds, Func<int, object?>? stratum, Func<int, object?>? group, long seed)
    {
        // The largest group first, each into the part that keeps strata and sizes most even.
        int[][] groups = [.. Permutation.Of(count, seed, 0, 3).GroupBy(i => group is null ? i : group(i) ?? "").Select(own => own.ToArray())
            .OrderByDescending(own => own.Length)];
        Dictionary<object, int> numbers = [];
        int[] strata = [.. Enumerable.Range(0, count).Select(i => stratum?.Invoke(i) ?? "")
            .Select(key => numbers.TryAdd(key, numbers.Count) ? numbers.Count - 1 : numbers[key])];
        int[] wholes = new int[numbers.Count];
        foreach (int own in strata) wholes[own]++;
        var counts = new int[folds][];
        for (int fold = 0; fold < folds; fold++) counts[fold] = new int[numbers.Count];
        int[] sizes = new int[folds], parts = new int[count];
        foreach (int[] own in groups)
        {
            // Where the strata of the group are rarest so far; then where least is.
            int best = Enumerable.Range(0, folds).MinBy(fold => (own.Sum(i => counts[fold][strata[i]] / (double)wholes[strata[i]]), sizes[fold], fold));
            foreach (int i in own)
            {
                parts[i] = best;
                counts[best][strata[i]]++;
            }
            sizes[best] += own.Length;
        }
        return parts;
    }
}
