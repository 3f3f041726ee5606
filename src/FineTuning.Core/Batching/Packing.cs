using System.Collections;

namespace FineTuning.Batching;

/// <summary>A part of a text: where it stands in its row's tokens.</summary>
/// <param name="Text">The text's index.</param>
/// <param name="Start">The first token of the text that belongs to the part.</param>
/// <param name="Length">How many tokens, at least 1.</param>
internal readonly record struct TextPart(int Text, int Start, int Length);

/// <summary>Rows of parts: 12 bytes a part and 4 a row, however many there are.</summary>
/// <param name="parts">Those of the first row, of the second, and so on.</param>
/// <param name="starts">Where each row begins in them, and where the last one ends.</param>
internal sealed class PackedRows(TextPart[] parts, int[] starts) : IReadOnlyList<IReadOnlyList<TextPart>>
{
    public int Count => starts.Length - 1;

    public IReadOnlyList<TextPart> this[int index] => new ArraySegment<TextPart>(parts, starts[index], starts[index + 1] - starts[index]);

    public IEnumerator<IReadOnlyList<TextPart>> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Which texts share a row: pure functions of their lengths.</summary>
internal static class Packing
{
    /// <summary>The rows of a strategy that packs ahead of batching.</summary>
    /// <param name="lengths">Tokens of each text; texts of 0 vanish.</param>
    /// <param name="capacity">Tokens of a row, at least 1. With <see cref="PackingStrategy.Whole"/> what is longer
    /// is cut behind it, and counts as lost.</param>
    /// <param name="strategy">Whole, Split or Wrapped.</param>
    /// <returns>The parts of each row in order.</returns>
    /// <exception cref="ArgumentException">The strategy does not pack ahead.</exception>
    public static IReadOnlyList<IReadOnlyList<TextPart>> Rows(IReadOnlyList<int> lengths, int capacity, PackingStrategy strategy)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        return strategy switch
        {
            PackingStrategy.Whole => BestFit(Pieces(lengths, capacity, splits: false), capacity),
            PackingStrategy.Split => BestFit(Pieces(lengths, capacity, splits: true), capacity),
            PackingStrategy.Wrapped => [.. Wrapped(lengths, capacity)],
            _ => throw new ArgumentException($"{strategy} does not pack before batches are planned", nameof(strategy)),
        };
    }

    /// <summary>All texts one after another, cut into rows of one length but for the last; a row is there once its lengths are read.</summary>
    /// <param name="lengths">Tokens of each text; texts of 0 vanish.</param>
    /// <param name="capacity">Tokens of a row, at least 1.</param>
    public static IEnumerable<IReadOnlyList<TextPart>> Wrapped(IEnumerable<int> lengths, int capacity)
    {
        var row = new List<TextPart>();
        int space = capacity, text = 0;
        foreach (int length in lengths)
        {
            for (int start = 0; start < length;)
            {
                int taken = Math.Min(space, length - start);
                row.Add(new(text, start, taken));
                (start, space) = (start + taken, space - taken);
                if (space > 0) continue;
                yield return row;
                (row, space) = ([], capacity);
            }
            text++;
        }
        if (row.Count > 0) yield return row;
    }

    // Where texts are not split, what is longer than a row is cut.
    private static TextPart[] Pieces(IReadOnlyList<int> lengths, int capacity, bool splits)
    {
        int Room(int length) => splits ? length : Math.Min(length, capacity);
        var parts = new TextPart[lengths.Sum(length => (Room(length) + (long)capacity - 1) / capacity)];
        int count = 0;
        for (int text = 0; text < lengths.Count; text++)
        {
            for (int start = 0; start < Room(lengths[text]); start += capacity) parts[count++] = new(text, start, Math.Min(capacity, lengths[text] - start));
        }
        return parts;
    }

    /// <summary>
    /// Best fit decreasing: the longest first, each into the row with the smallest space that suffices, else into a new one. Among equal lengths the earlier
    /// text goes first, among equal spaces the row that came to that space first.
    /// </summary>
    private static PackedRows BestFit(TextPart[] parts, int capacity)
    {
        int longest = parts.Length == 0 ? 0 : parts.Max(part => part.Length);
        // In its place, so that two copies are the most that there are.
        parts = Grouped(parts, longest, i => longest - parts[i].Length).Parts;
        var rowOf = new int[parts.Length];
        var bySpace = new Dictionary<int, Queue<int>>();
        var spaces = new SortedSet<int>();
        int rows = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            int space = spaces.GetViewBetween(parts[i].Length, capacity).Min;
            if (space == 0)
            {
                (space, rowOf[i]) = (capacity, rows++);
            }
            else
            {
                Queue<int> open = bySpace[space];
                rowOf[i] = open.Dequeue();
                if (open.Count == 0) spaces.Remove(space);
            }
            int left = space - parts[i].Length;
            if (left == 0) continue;
            if (!bySpace.TryGetValue(left, out Queue<int>? waiting)) bySpace[left] = waiting = new();
            waiting.Enqueue(rowOf[i]);
            spaces.Add(left);
        }
        (TextPart[] grouped, int[] starts) = Grouped(parts, rows, i => rowOf[i]);
        return new(grouped, starts);
    }

    /// <summary>Sorted by a key from 0; parts of one key stay in their order.</summary>
    private static (TextPart[] Parts, int[] Starts) Grouped(TextPart[] parts, int keys, Func<int, int> keyOf)
    {
        var starts = new int[keys + 1];
        for (int i = 0; i < parts.Length; i++) starts[keyOf(i) + 1]++;
        for (int key = 0; key < keys; key++) starts[key + 1] += starts[key];
        int[] next = starts[..keys];
        var grouped = new TextPart[parts.Length];
        for (int i = 0; i < parts.Length; i++) grouped[next[keyOf(i)]++] = parts[i];
        return (grouped, starts);
    }
}
