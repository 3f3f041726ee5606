namespace FineTuning.Examples;

/// <summary>What two neighbouring tags must have in common for a rule to hold.</summary>
internal enum TypeCondition
{
    Any,
    Same,
    Different,
}

/// <summary>A pair of neighbouring prefixes; an empty text stands for any prefix.</summary>
internal readonly record struct PrefixRule(string Before, string Now, TypeCondition Types)
{
    public bool Holds(TagParts before, TagParts now) =>
        (Before.Length == 0 || Before.Contains(before.Prefix, StringComparison.Ordinal))
        && (Now.Length == 0 || Now.Contains(now.Prefix, StringComparison.Ordinal))
        && (Types == TypeCondition.Any || (Types == TypeCondition.Same) == (before.Type == now.Type));
}

/// <summary>Where entities start, go on and end, by pairs of neighbouring tags: seqeval's strict tables, as data.</summary>
internal sealed record SchemeRules(string Prefixes, PrefixRule[] Starts, PrefixRule[] Inside, PrefixRule[] Ends)
{
    private static readonly SchemeRules Iob1 = new(
        "IOB",
        [new("O", "I", TypeCondition.Any), new("I", "I", TypeCondition.Different), new("B", "I", TypeCondition.Any), new("IB", "B", TypeCondition.Same)],
        [new("BI", "I", TypeCondition.Same)],
        [new("IB", "I", TypeCondition.Different), new("IB", "O", TypeCondition.Any), new("I", "B", TypeCondition.Any), new("B", "B", TypeCondition.Same)]);

    private static readonly SchemeRules Iob2 = new(
        "IOB",
        [new("", "B", TypeCondition.Any)],
        [new("BI", "I", TypeCondition.Same)],
        [new("IB", "OB", TypeCondition.Any), new("IB", "I", TypeCondition.Different)]);

    private static readonly SchemeRules Ioe1 = new(
        "IOE",
        [new("OE", "I", TypeCondition.Any), new("I", "I", TypeCondition.Different), new("E", "E", TypeCondition.Same)],
        [new("I", "IE", TypeCondition.Same)],
        [new("I", "IE", TypeCondition.Different), new("I", "O", TypeCondition.Any), new("E", "IE", TypeCondition.Same)]);

    private static readonly SchemeRules Ioe2 = new(
        "IOE",
        [new("OE", "IE", TypeCondition.Any), new("I", "IE", TypeCondition.Different)],
        [new("I", "IE", TypeCondition.Same)],
        [new("E", "", TypeCondition.Any)]);

    private static readonly SchemeRules Iobes = Bounded("IOBES", "E", "S");

    private static readonly SchemeRules Bilou = Bounded("IOBLU", "L", "U");

    public static SchemeRules Of(TaggingScheme scheme) => scheme switch
    {
        TaggingScheme.Iob1 => Iob1,
        TaggingScheme.Iob2 => Iob2,
        TaggingScheme.Ioe1 => Ioe1,
        TaggingScheme.Ioe2 => Ioe2,
        TaggingScheme.Iobes => Iobes,
        TaggingScheme.Bilou => Bilou,
        _ => throw new ArgumentOutOfRangeException(nameof(scheme), scheme, "plain tags have no entities"),
    };

    /// <summary>The entities that are tagged exactly as the scheme asks; all else is outside.</summary>
    public List<EntitySpan> Read(IReadOnlyList<TagParts> tags)
    {
        var found = new List<EntitySpan>();
        TagParts before = TagParts.Outside;
        // One step behind the end: an entity may end there.
        for (int i = 0; i <= tags.Count;)
        {
            TagParts now = At(i);
            if (!Starts.Any(rule => rule.Holds(before, now)))
            {
                before = now;
                i++;
                continue;
            }
            int end = i + 1;
            while (end < tags.Count && Inside.Any(rule => rule.Holds(At(end - 1), At(end)))) end++;
            if (i < tags.Count && Ends.Any(rule => rule.Holds(At(end - 1), At(end)))) found.Add(new(now.Type, i, end - 1));
            before = At(end - 1);
            i = end;
        }
        return found;

        TagParts At(int index) => index < tags.Count ? tags[index] : TagParts.Outside;
    }

    private static SchemeRules Bounded(string prefixes, string last, string single) => new(
        prefixes,
        [new("", "B" + single, TypeCondition.Any)],
        [new("BI", "I" + last, TypeCondition.Same)],
        [new(single + last, "", TypeCondition.Any)]);
}
