namespace FineTuning.Text;

/// <summary>A set of code points as sorted ranges, for putting character classes together. Immutable.</summary>
internal sealed class CodePointRanges
{
    public const int Last = 0x10FFFF;

    private CodePointRanges(List<int> items) => Items = items;

    public static CodePointRanges All { get; } = new([0, Last]);

    public static CodePointRanges None { get; } = new([]);

    /// <summary>First, last, first, last ..., ascending and apart.</summary>
    public IReadOnlyList<int> Items { get; }

    public static CodePointRanges Of(int first, int last) => new([first, last]);

    public static CodePointRanges Of(IEnumerable<(int First, int Last)> ranges)
    {
        var items = new List<int>();
        foreach ((int first, int last) in ranges.OrderBy(range => range.First))
        {
            if (items.Count > 0 && first <= items[^1] + 1) items[^1] = Math.Max(items[^1], last);
            else items.AddRange([first, last]);
        }
        return new(items);
    }

    public static CodePointRanges Of(IReadOnlyList<int> flat) => Of(Enumerable.Range(0, flat.Count / 2).Select(i => (flat[2 * i], flat[(2 * i) + 1])));

    public static CodePointRanges Where(Func<int, bool> contains)
    {
        var items = new List<int>();
        for (int point = 0; point <= Last; point++)
        {
            if (!contains(point)) continue;
            if (items.Count > 0 && items[^1] == point - 1) items[^1] = point;
            else items.AddRange([point, point]);
        }
        return new(items);
    }

    /// <summary>The union of many: sorted once, where a pattern of thousands of parts would be sorted thousands of times.</summary>
    public static CodePointRanges UnionOf(IEnumerable<CodePointRanges> parts) => Of(parts.SelectMany(part => part.Pairs()));

    public CodePointRanges Union(CodePointRanges other) => Of(Pairs().Concat(other.Pairs()));

    public CodePointRanges Complement()
    {
        var items = new List<int>();
        int next = 0;
        foreach ((int first, int last) in Pairs())
        {
            if (first > next) items.AddRange([next, first - 1]);
            next = last + 1;
        }
        if (next <= Last) items.AddRange([next, Last]);
        return new(items);
    }

    public CodePointRanges Intersect(CodePointRanges other) => Complement().Union(other.Complement()).Complement();

    public IEnumerable<(int First, int Last)> Pairs()
    {
        for (int i = 0; i < Items.Count; i += 2) yield return (Items[i], Items[i + 1]);
    }

    public bool Contains(int point) => Pairs().Any(range => range.First <= point && point <= range.Last);

    /// <summary>With the other case of every member.</summary>
    public CodePointRanges AnyCase()
    {
        var set = new CodePointSet(Items);
        var others = new List<(int First, int Last)>();
        foreach ((int upper, string lower) in UnicodeTables.Map("lowercase.map"))
        {
            int point = char.ConvertToUtf32(lower, 0);
            if (lower.Length != char.ConvertFromUtf32(point).Length) continue;
            if (set.Contains(upper)) others.Add((point, point));
            if (set.Contains(point)) others.Add((upper, upper));
        }
        // The long s has the upper case of s.
        if (set.Contains('s') || set.Contains('S')) others.Add((0x17F, 0x17F));
        if (set.Contains(0x17F)) others.AddRange([('s', 's'), ('S', 'S')]);
        return Union(Of(others));
    }
}
