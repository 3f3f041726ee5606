using FineTuning.Batching;
using FineTuning.Examples;

namespace FineTuning.Strategies;

/// <summary>
/// Pairs of labelled texts: as many similar as dissimilar ones, a fixed number for each text, so that memory grows with the texts and not with their square.
/// </summary>
internal static class FewShotPairs
{
    private const int MostTries = 16;

    /// <param name="texts">The texts.</param>
    /// <param name="labels">The index of each text's label.</param>
    /// <param name="pairsPerText">Pairs of each kind that a text begins.</param>
    /// <param name="seed">Which partners are met.</param>
    /// <returns>Made one by one; a text that is alone with its label begins no similar pair.</returns>
    public static IEnumerable<ScoredPair> Of(IReadOnlyList<string> texts, IReadOnlyList<int> labels, int pairsPerText, long seed)
    {
        int[][] members = [.. labels.Select((label, text) => (label, text)).GroupBy(entry => entry.label)
            .Select(group => group.Select(entry => entry.text).ToArray())];
        var positions = new (int Group, int Index)[texts.Count];
        for (int group = 0; group < members.Length; group++)
        {
            for (int i = 0; i < members[group].Length; i++) positions[members[group][i]] = (group, i);
        }
        var met = new HashSet<long>();
        for (int round = 0; round < pairsPerText; round++)
        {
            int[] order = Permutation.Of(texts.Count, seed, round, 2);
            for (int text = 0; text < texts.Count; text++)
            {
                int[] own = members[positions[text].Group];
                // Round by round the next of the others: all are met before one is met again.
                if (own.Length > 1) yield return new(texts[text], texts[own[(positions[text].Index + 1 + (round % (own.Length - 1))) % own.Length]], 1);
                if (members.Length > 1) yield return new(texts[text], texts[Stranger(text, order, labels, met)], 0);
            }
        }
    }

    // From the text's own position in the shuffled order onwards: the first of another label that it has not met, or after some tries one that it has.
    private static int Stranger(int text, int[] order, IReadOnlyList<int> labels, HashSet<long> met)
    {
        int tries = 0;
        for (int step = 0; ; step++)
        {
            int other = order[(text + step) % order.Length];
            if (labels[other] == labels[text]) continue;
            if (met.Add(((long)Math.Min(text, other) << 32) | (uint)Math.Max(text, other)) || ++tries == MostTries) return other;
            // With few strangers all may have been met: then any is taken after a whole round.
            if (step >= order.Length) return other;
        }
    }
}
