namespace FineTuning.Examples;

/// <summary>Which tag may follow which, begin and end a sentence: what well-formed data holds to, and constrained decoding.</summary>
internal static class TagOrder
{
    /// <param name="before">The tag before. Null: the sentence begins.</param>
    /// <param name="now">The tag.</param>
    /// <param name="scheme">The scheme.</param>
    public static bool MayFollow(TagParts? before, TagParts now, TaggingScheme scheme)
    {
        bool open = before is { } last && IsOpen(last, scheme);
        if (open) return now.Type == before!.Value.Type && Continues(now, scheme, mayBegin: scheme is TaggingScheme.Ioe2);
        if (!NeedsOpening(now, scheme)) return true;
        // In IOB2 an entity may go on after B or I without having to.
        return scheme == TaggingScheme.Iob2 && before is { Prefix: 'B' or 'I' } running && running.Type == now.Type;
    }

    public static bool MayEnd(TagParts last, TaggingScheme scheme) => !IsOpen(last, scheme);

    /// <summary>Whether the entity must go on.</summary>
    private static bool IsOpen(TagParts tag, TaggingScheme scheme) => scheme switch
    {
        TaggingScheme.Iobes or TaggingScheme.Bilou => tag.Prefix is 'B' or 'I',
        TaggingScheme.Ioe2 => tag.Prefix == 'I',
        _ => false,
    };

    private static bool NeedsOpening(TagParts tag, TaggingScheme scheme) => scheme switch
    {
        TaggingScheme.Iob2 => tag.Prefix == 'I',
        TaggingScheme.Iobes => tag.Prefix is 'I' or 'E',
        TaggingScheme.Bilou => tag.Prefix is 'I' or 'L',
        _ => false,
    };

    private static bool Continues(TagParts tag, TaggingScheme scheme, bool mayBegin) => mayBegin ? tag.Prefix is 'I' or 'E' : NeedsOpening(tag, scheme);
}
