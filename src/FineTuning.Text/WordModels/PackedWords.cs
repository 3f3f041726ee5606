namespace FineTuning.Text;

/// <summary>
/// The entries of a vocabulary that have at most eight ASCII characters, by those characters in one number: most words of English are found by one comparison,
/// without a look at their text. Immutable and thread-safe.
/// </summary>
internal sealed class PackedWords
{
    /// <summary>The most characters of a word.</summary>
    public const int Longest = sizeof(ulong);

    private const int Nothing = -1;

    private readonly Slot[] _slots;
    private readonly int _shift;

    public PackedWords(IReadOnlyDictionary<string, int> vocabulary)
    {
        KeyValuePair<string, int>[] words =
            [.. vocabulary.Where(entry => entry.Key.Length is > 0 and <= Longest && entry.Key.All(letter => letter is > '\0' and < '\x80'))];
        int bits = 4;
        while (1 << bits < 3 * words.Length) bits++;
        (_slots, _shift) = (new Slot[1 << bits], 64 - bits);
        foreach ((string word, int id) in words)
        {
            ulong key = 0;
            foreach (char letter in word) key = Append(key, letter);
            int index = Index(key);
            while (_slots[index].Key != 0) index = (index + 1) & (_slots.Length - 1);
            _slots[index] = new(key, id);
        }
    }

    /// <summary>The number of a word with one more letter. No letter is U+0000, so that words of different length have different numbers.</summary>
    public static ulong Append(ulong key, uint letter) => (key << 8) | letter;

    /// <summary>The id of a word; -1: it is no entry.</summary>
    public int Find(ulong key)
    {
        Slot[] slots = _slots;
        for (int index = Index(key); ; index = (index + 1) & (slots.Length - 1))
        {
            ref readonly Slot slot = ref slots[index];
            if (slot.Key == key) return slot.Id;
            if (slot.Key == 0) return Nothing;
        }
    }

    private int Index(ulong key) => (int)((key * 0x9E3779B97F4A7C15ul) >> _shift);

    private readonly record struct Slot(ulong Key, int Id);
}
