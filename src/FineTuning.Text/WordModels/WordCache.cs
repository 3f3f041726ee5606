using System.Runtime.InteropServices;

namespace FineTuning.Text;

/// <summary>
/// A cache of words with their tokens, of bounded size. Each word has a few slots, and a new word evicts another from them. Thread-safe without a lock.
/// </summary>
internal sealed class WordCache
{
    private const int Sets = 1 << 14, Ways = 4, Multiplier = unchecked((int)0x9E3779B1);

    // An entry never changes, so a reader of a slot sees a whole one or another whole one.
    private readonly Entry?[] _entries = new Entry?[Sets * Ways];

    /// <summary>The most words that are kept.</summary>
    public static int Capacity => Sets * Ways;

    public static int Hash(ReadOnlySpan<char> word)
    {
        ulong hash = (ulong)word.Length * 0x9E3779B97F4A7C15ul;
        ReadOnlySpan<char> rest = word;
        for (; rest.Length >= 4; rest = rest[4..]) hash = Mix(hash ^ MemoryMarshal.Read<ulong>(MemoryMarshal.AsBytes(rest)));
        foreach (char character in rest) hash = Mix(hash ^ character);
        return (int)(hash >> 32);
    }

    private static ulong Mix(ulong value)
    {
        value *= 0xFF51AFD7ED558CCDul;
        return value ^ (value >> 29);
    }

    /// <summary>A word's tokens. Null: it is not here.</summary>
    public WordToken[]? Find(ReadOnlySpan<char> word, int hash)
    {
        int first = First(hash);
        for (int i = first; i < first + Ways; i++)
        {
            if (Volatile.Read(ref _entries[i]) is { } entry && entry.Hash == hash && word.SequenceEqual(entry.Word)) return entry.Tokens;
        }
        return null;
    }

    public void Keep(ReadOnlySpan<char> word, int hash, ReadOnlySpan<WordToken> tokens)
    {
        int first = First(hash), position = first;
        while (position < first + Ways && Volatile.Read(ref _entries[position]) is not null) position++;
        // A full set gives up the position that the new word's hash names, so that which one it is differs from word to word.
        if (position == first + Ways) position = first + (int)(((uint)hash * 31) >> 30);
        Volatile.Write(ref _entries[position], new Entry(word.ToString(), hash, tokens.ToArray()));
    }

    private static int First(int hash) => (int)((uint)(hash * Multiplier) >> 18) * Ways;

    private sealed class Entry(string word, int hash, WordToken[] tokens)
    {
        public readonly string Word = word;
        public readonly int Hash = hash;
        public readonly WordToken[] Tokens = tokens;
    }
}
