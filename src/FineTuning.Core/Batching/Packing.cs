namespace FineTuning.Batching;

/// <summary>A part of a text: where it stands in its row's tokens.</summary>
/// <param name="Text">The text's index.</param>
/// <param name="Start">The first token of the text that belongs to the part.</param>
/// <param name="Length">How many tokens, at least 1.</param>
internal readonly record struct TextPart(int Text, int Start, int Length);

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
            PackingStrategy.Whole => BestFit([.. Whole(lengths, capacity)], capacity),
            PackingStrategy.Split => BestFit([.. Pieces(lengths, capacity)], capacity),
            PackingStrategy.Wrapped => Wrapped(lengths, capacity),
            _ => throw new ArgumentException($"{strategy} does not pack before batches are planned", nameof(strategy)),
        };
    }

    private static IEnumerable<TextPart> Whole(IReadOnlyList<int> lengths, int capacity)
    {
        for (int i = 0; i < lengths.Count; i++)
        {
            if (lengths[i] > 0) yield return new(i, 0, Math.Min(lengths[i], capacity));
        }
    }

    private static IEnumerable<TextPart> Pieces(IReadOnlyList<int> lengths, int capacity)
    {
        for (int i = 0; i < lengths.Count; i++)
        {
            for (int start = 0; start < lengths[i]; start += capacity) yield return new(i, start, Math.Min(capacity, lengths[i] - start));
        }
    }

    /// <summary>
    /// Best fit decreasing: the longest first, each into the row with the smallest space that suffices, else into a new one. Among equal lengths the earlier
    /// text goes first, among equal spaces the row that came to that space first.
    /// </summary>
    private static List<List<TextPart>> BestFit(List<TextPart> parts, int capacity)
    {
        var rows = new List<List<TextPart>>();
        var bySpace = new Dictionary<int, Queue<int>>();
        var spaces = new SortedSet<int>();
        // OrderByDescending is stable: equal lengths stay in their order.
        foreach (TextPart part in parts.OrderByDescending(part => part.Length))
        {
            int space = spaces.GetViewBetween(part.Length, capacity).Min;
            int row = rows.Count;
            if (space == 0)
            {
                space = capacity;
                rows.Add([]);
            }
            else
            {
                Queue<int> open = bySpace[space];
                row = open.Dequeue();
                if (open.Count == 0) spaces.Remove(space);
            }
            rows[row].Add(part);
            int left = space - part.Length;
            if (left == 0) continue;
            if (!bySpace.TryGetValue(left, out Queue<int>? waiting)) bySpace[left] = waiting = new();
            waiting.Enqueue(row);
            spaces.Add(left);
        }
        return rows;
    }

    private static List<List<TextPart>> Wrapped(IReadOnlyList<int> lengths, int capacity)
    {
        var rows = new List<List<TextPart>>();
        int space = 0;
        for (int i = 0; i < lengths.Count; i++)
        {
            for (int start = 0; start < lengths[i];)
            {
                if (space == 0)
                {
                    rows.Add([]);
                    space = capacity;
                }
                int length = Math.Min(space, lengths[i] - start);
                rows[^1].Add(new(i, start, length));
                (start, space) = (start + length, space - length);
            }
        }
        return rows;
    }
}
