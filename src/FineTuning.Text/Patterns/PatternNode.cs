namespace FineTuning.Text;

/// <summary>A regular expression as it was read.</summary>
/// <param name="Height">How many nodes stand above each other, this one included. Everything that walks the tree takes the stack for each of them.</param>
internal abstract record PatternNode(int Height)
{
    /// <summary>One code point of a set.</summary>
    public sealed record Set(CodePointRanges Members) : PatternNode(1);

    public sealed record Sequence(IReadOnlyList<PatternNode> Items) : PatternNode(Above(Items));

    public sealed record Choice(IReadOnlyList<PatternNode> Items) : PatternNode(Above(Items));

    /// <summary>From <paramref name="Least"/> to <paramref name="Most"/> times; -1: without end.</summary>
    public sealed record Repeat(PatternNode Item, int Least, int Most, Greed Greed) : PatternNode(Item.Height + 1);

    /// <summary>A group that nothing goes back into once it has matched.</summary>
    public sealed record Atomic(PatternNode Item) : PatternNode(Item.Height + 1);

    public sealed record Capture(PatternNode Item, int Number) : PatternNode(Item.Height + 1);

    public sealed record Reference(int Number) : PatternNode(1);

    public sealed record Look(PatternNode Item, bool Behind, bool Negative) : PatternNode(Item.Height + 1);

    public sealed record Anchor(AnchorKind Kind) : PatternNode(1);

    /// <summary>How many code points every match has. Null: not always as many.</summary>
    public int? Width() => this switch
    {
        Set => 1,
        Anchor or Look => 0,
        Atomic atomic => atomic.Item.Width(),
        Capture capture => capture.Item.Width(),
        Repeat repeat => repeat.Least == repeat.Most && repeat.Item.Width() is { } width ? width * repeat.Least : null,
        Sequence sequence => sequence.Items.Aggregate((int?)0, (sum, item) => sum + item.Width()),
        Choice choice => choice.Items.Select(item => item.Width()).Distinct().ToArray() is [var width] ? width : null,
        _ => null,
    };

    private static int Above(IReadOnlyList<PatternNode> items)
    {
        int highest = 0;
        foreach (PatternNode item in items) highest = Math.Max(highest, item.Height);
        return highest + 1;
    }

    /// <summary>The code points a match can begin with; null where it may be empty or anything.</summary>
    public CodePointRanges? First()
    {
        switch (this)
        {
            case Set set:
                return set.Members;
            case Atomic atomic:
                return atomic.Item.First();
            case Capture capture:
                return capture.Item.First();
            case Repeat repeat:
                return repeat.Least > 0 ? repeat.Item.First() : null;
            case Choice choice:
                List<CodePointRanges> firsts = [.. choice.Items.Select(item => item.First()).OfType<CodePointRanges>()];
                return firsts.Count == choice.Items.Count ? CodePointRanges.UnionOf(firsts) : null;
            case Sequence sequence:
                var beginnings = new List<CodePointRanges>();
                foreach (PatternNode item in sequence.Items)
                {
                    if (item is Look or Anchor) continue;
                    if (item.First() is { } first) return CodePointRanges.UnionOf(beginnings.Append(first));
                    // What may be left out adds what it can begin with, and the next one follows.
                    if (item is not Repeat { Least: 0 } optional || optional.Item.First() is not { } some) return null;
                    beginnings.Add(some);
                }
                return null;
            default:
                return null;
        }
    }
}

/// <summary>What a repetition prefers.</summary>
internal enum Greed
{
    /// <summary>As many as possible, fewer where the rest needs it.</summary>
    Greedy,

    /// <summary>As few as possible.</summary>
    Lazy,

    /// <summary>As many as possible, never fewer.</summary>
    Possessive,
}

/// <summary>Positions without a character.</summary>
internal enum AnchorKind
{
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    TextEndOrLastLine,
    WordEdge,
    NoWordEdge,
}
