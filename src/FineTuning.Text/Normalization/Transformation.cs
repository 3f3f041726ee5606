using System.Text;

namespace FineTuning.Text;

/// <summary>
/// The characters of a rewritten text, each with the change it makes: 0, it stands for the next character of the old text;
/// 1, it is new and shares the origin of the one before; -n, it stands for the next one and n more disappear.
/// The reference aligns by these counts, not by what became what, and so do we.
/// </summary>
/// <remarks>For one thread.</remarks>
internal sealed class Transformation
{
    private readonly List<(int Rune, int Change)> _items = [];
    private long _most;

    /// <summary>What was collected, for rewriting it in place.</summary>
    public List<(int Rune, int Change)> Items => _items;

    /// <summary>Empties it.</summary>
    /// <param name="most">The most characters that may be collected.</param>
    public void Begin(long most)
    {
        _items.Clear();
        _most = most;
    }

    public void Add(int rune, int change) => _items.Add((rune, change));

    public void Add(ReadOnlySpan<char> text, int change)
    {
        foreach (Rune rune in text.EnumerateRunes()) _items.Add((rune.Value, change));
    }

    /// <summary>Adds what a part of the old text was replaced by; the difference in length is put on the last characters.</summary>
    public void Replace(ReadOnlySpan<char> old, ReadOnlySpan<char> replacement)
    {
        TextGrowth.Check((long)_items.Count + replacement.Length, _most);
        int difference = Count(replacement) - Count(old);
        Add(replacement, 0);
        for (int i = 1; i <= difference && i <= _items.Count; i++) _items[^i] = (_items[^i].Rune, 1);
        // Where nothing stands before a part that disappears, the reference forgets the difference.
        if (difference < 0 && _items.Count > 0) _items[^1] = (_items[^1].Rune, _items[^1].Change + difference);
    }

    /// <summary>Makes the text what was collected.</summary>
    public void Apply(AlignedText text)
    {
        AlignedWriter writer = text.Writer(text.Length + 8);
        int index = 0, last = -1;
        foreach ((int rune, int change) in _items)
        {
            int source = change > 0 ? last : Math.Min(index, text.Length - 1);
            (int start, int end) = source < 0 ? (text.Origin, text.Origin) : (text.StartOf(source), text.EndOf(source));
            writer.Add(new Rune(rune), start, end);
            for (int taken = change > 0 ? 0 : 1 - change; taken > 0 && index < text.Length; taken--)
            {
                last = index;
                index += char.IsHighSurrogate(text.Characters[index]) && index + 1 < text.Length ? 2 : 1;
            }
        }
        text.Become(writer);
    }

    private static int Count(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (Rune _ in text.EnumerateRunes()) count++;
        return count;
    }
}
