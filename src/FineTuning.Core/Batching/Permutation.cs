namespace FineTuning.Batching;

/// <summary>A shuffled order that is a pure function of seed and epoch.</summary>
internal static class Permutation
{
    /// <summary>0 to count - 1, shuffled (Fisher and Yates, in Durstenfeld's form) by a SplitMix64 sequence started from seed, epoch and purpose.</summary>
    /// <param name="count">How many indices.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="purpose">Which of the epoch's shuffles it is.</param>
    public static int[] Of(int count, long seed, long epoch, int purpose)
    {
        var order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        ulong state = Mix(Mix(Mix((ulong)seed) + (ulong)epoch) + (ulong)purpose);
        for (int i = count - 1; i > 0; i--)
        {
            state += 0x9E3779B97F4A7C15ul;
            // The high half of a 128-bit product maps the word onto 0..i; its bias is below count / 2^64.
            int j = (int)Math.BigMul(Mix(state), (ulong)i + 1, out _);
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }

    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15ul;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ul;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBul;
        return x ^ (x >> 31);
    }
}
