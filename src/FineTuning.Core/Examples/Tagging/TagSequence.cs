using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>From a sentence's tags to its entities and back.</summary>
public static class TagSequence
{
    private const int MostWords = 1 << 24;

    private static readonly (TaggingScheme Scheme, string[] Prefixes)[] Detected =
    [
        (TaggingScheme.Iob2, ["BIO", "BI", "BO", "B"]),
        (TaggingScheme.Ioe2, ["EIO", "EI", "EO", "E"]),
        (TaggingScheme.Iobes, ["BEIOS", "BEIS", "BEIO", "BEOS", "BEI", "BES", "BEO", "BE", "S"]),
        (TaggingScheme.Bilou, ["BILOU", "BILU", "BILO", "BLOU", "BIL", "BLU", "BLO", "BL", "U"]),
    ];

    /// <summary>The entities as conlleval reads them (seqeval's default mode): an I that follows nothing of its type begins an entity.</summary>
    /// <param name="tags">One a word. Any text is a tag: its first character is the prefix, the rest behind a hyphen the type.</param>
    /// <param name="suffix">Whether tags are written PER-B instead of B-PER.</param>
    /// <remarks>L and U of BILOU are not known to this reading: U-A U-A is one entity. Give the scheme where it is known.</remarks>
    public static IReadOnlyList<EntitySpan> Entities(IReadOnlyList<string> tags, bool suffix = false)
    {
        NullMembers.RequireEntries(tags, nameof(tags));
        return Chunks([.. tags.Select(tag => TagParts.Lenient(tag, suffix))]);
    }

    /// <summary>The entities that are tagged exactly as a scheme asks (seqeval's strict mode); what is broken counts as outside.</summary>
    /// <param name="tags">One a word.</param>
    /// <param name="scheme">The scheme; not <see cref="TaggingScheme.Plain"/>.</param>
    /// <param name="suffix">Whether tags are written PER-B instead of B-PER.</param>
    /// <exception cref="TrainingDataException">A tag has a prefix that the scheme does not.</exception>
    public static IReadOnlyList<EntitySpan> StrictEntities(IReadOnlyList<string> tags, TaggingScheme scheme, bool suffix = false)
    {
        NullMembers.RequireEntries(tags, nameof(tags));
        SchemeRules rules = SchemeRules.Of(scheme);
        var parts = new TagParts[tags.Count];
        for (int i = 0; i < parts.Length; i++) parts[i] = StrictPart(tags[i], i, scheme, rules, suffix);
        return rules.Read(parts);
    }

    /// <summary>The entities of tags whose scheme is known, read leniently: as conlleval does, with L and U understood.</summary>
    /// <param name="tags">One a word: O, or a prefix, a hyphen and a type.</param>
    /// <param name="scheme">The scheme; <see cref="TaggingScheme.Plain"/> has no entities.</param>
    public static IReadOnlyList<EntitySpan> Repaired(IReadOnlyList<string> tags, TaggingScheme scheme)
    {
        NullMembers.RequireEntries(tags, nameof(tags));
        if (scheme == TaggingScheme.Plain) return [];
        return Chunks(
            [.. tags.Select(tag => TagParts.Lenient(tag)).Select(parts => scheme != TaggingScheme.Bilou ? parts
                : parts with { Prefix = parts.Prefix switch { 'L' => 'E', 'U' => 'S', char other => other } })]);
    }

    /// <summary>The scheme that the prefixes of a whole data set speak for, as seqeval finds it. Null: none does.</summary>
    /// <param name="sentences">The tags of each sentence.</param>
    /// <param name="suffix">Whether tags are written PER-B instead of B-PER.</param>
    /// <remarks>IOB1 and IOE1 cannot be told from IOB2 and IOE2 in this way, and neither can tags that are all O or I.</remarks>
    public static TaggingScheme? Detect(IEnumerable<IReadOnlyList<string>> sentences, bool suffix = false)
    {
        ArgumentNullException.ThrowIfNull(sentences);
        int index = 0;
        var prefixes = new SortedSet<char>();
        foreach (string tag in sentences.SelectMany(tags => Present(tags, index++)))
        {
            char prefix = tag.Length == 0 ? ' ' : suffix ? tag[^1] : tag[0];
            if (!"IOBESUL".Contains(prefix, StringComparison.Ordinal)) return null;
            prefixes.Add(prefix);
        }
        string found = string.Concat(prefixes);
        foreach ((TaggingScheme scheme, string[] allowed) in Detected)
        {
            if (allowed.Contains(found, StringComparer.Ordinal)) return scheme;
        }
        return null;
    }

    /// <summary>The tags of entities in a scheme.</summary>
    /// <param name="entities">Entities that do not overlap, in any order.</param>
    /// <param name="words">How many words the sentence has.</param>
    /// <param name="scheme">The scheme; not <see cref="TaggingScheme.Plain"/>.</param>
    /// <exception cref="ArgumentException">Entities overlap or lie outside the sentence.</exception>
    public static string[] Tags(IEnumerable<EntitySpan> entities, int words, TaggingScheme scheme)
    {
        ArgumentNullException.ThrowIfNull(entities);
        ArgumentOutOfRangeException.ThrowIfNegative(words);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(words, MostWords);
        SchemeRules.Of(scheme);
        var tags = new string[words];
        Array.Fill(tags, TagParts.OutsideTag);
        EntitySpan? previous = null;
        foreach (EntitySpan entity in entities.OrderBy(entity => entity.First))
        {
            if (entity.First < 0 || entity.Last < entity.First || entity.Last >= words)
                throw new ArgumentException($"the entity {entity} lies outside the {words} words", nameof(entities));
            if (previous is { } other && other.Last >= entity.First)
                throw new ArgumentException($"the entities {other} and {entity} overlap", nameof(entities));
            bool follows = previous is { } before && before.Last == entity.First - 1 && before.Type == entity.Type;
            Write(tags, entity, scheme, follows);
            previous = entity;
        }
        return tags;
    }

    /// <summary>What is not well formed in a scheme: foreign tags, and tags that cannot follow the one before.</summary>
    /// <param name="tags">One a word.</param>
    /// <param name="scheme">The scheme; in <see cref="TaggingScheme.Plain"/> only an empty tag is a problem.</param>
    public static IReadOnlyList<TagProblem> Problems(IReadOnlyList<string> tags, TaggingScheme scheme)
    {
        NullMembers.RequireEntries(tags, nameof(tags));
        var problems = new List<TagProblem>();
        TagParts? before = null;
        for (int i = 0; i < tags.Count; i++)
        {
            if (Foreign(tags[i], scheme) is { } foreign)
            {
                problems.Add(new(i, foreign, IsReadable: false));
                before = TagParts.Outside;
                continue;
            }
            if (scheme == TaggingScheme.Plain) continue;
            TagParts.TryExact(tags[i], out TagParts now);
            if (!TagOrder.MayFollow(before, now, scheme))
                problems.Add(
                    new(i, before is null ? $"{now} at the start of a sentence: not well formed in {Name(scheme)}"
                        : $"{now} after {before}: not well formed in {Name(scheme)}", IsReadable: true));
            before = now;
        }
        if (before is { } last && scheme != TaggingScheme.Plain && !TagOrder.MayEnd(last, scheme))
            problems.Add(new(tags.Count - 1, $"{last} at the end of a sentence: not well formed in {Name(scheme)}", IsReadable: true));
        return problems;
    }

    private static IReadOnlyList<string> Present(IReadOnlyList<string> tags, int index)
    {
        if (tags is null) throw new ArgumentException($"sentences[{index}] is null; leave it out", nameof(tags));
        new NullMembers().Entries(tags, $"sentences[{index}]").Require("sentences");
        return tags;
    }

    internal static string Name(TaggingScheme scheme) => scheme == TaggingScheme.Plain ? "plain tags" : scheme.ToString().ToUpperInvariant();

    private static string? Foreign(string tag, TaggingScheme scheme)
    {
        if (tag.Length == 0) return "the tag is empty";
        if (scheme == TaggingScheme.Plain) return null;
        string allowed = string.Join(", ", SchemeRules.Of(scheme).Prefixes.Where(prefix => prefix != 'O').Select(prefix => $"{prefix}-"));
        if (TagParts.TryExact(tag, out TagParts parts))
            return SchemeRules.Of(scheme).Prefixes.Contains(parts.Prefix, StringComparison.Ordinal) ? null
                : $"{MessageText.Of(tag)} is no {Name(scheme)} tag; its prefixes are {allowed}; name the scheme of the data (Scheme: {Others(parts.Prefix)})";
        if (tag.Length > 2 && tag[1] == '-' && char.IsLower(tag[0]))
            return $"{MessageText.Of(tag)}: the prefix is in lower case; "
                + $"write {char.ToUpperInvariant(tag[0])}, or name TaggingScheme.Plain where tags have no prefixes";
        return $"{MessageText.Of(tag)} has no prefix: expected O, or one of {allowed} and a type; "
            + "where each tag stands for itself, as parts of speech do, the scheme is TaggingScheme.Plain";
    }

    private static string Others(char prefix) =>
        string.Join(
            ", ", Enum.GetValues<TaggingScheme>()
            .Where(scheme => scheme != TaggingScheme.Plain && SchemeRules.Of(scheme).Prefixes.Contains(prefix, StringComparison.Ordinal))
            .Select(scheme => $"TaggingScheme.{scheme}")) + ", or TaggingScheme.Plain";

    private static TagParts StrictPart(string tag, int word, TaggingScheme scheme, SchemeRules rules, bool suffix)
    {
        try
        {
            TagParts parts = TagParts.Strict(tag, suffix);
            if (rules.Prefixes.Contains(parts.Prefix, StringComparison.Ordinal)) return parts;
        }
        catch (ArgumentException)
        {
            // Reported below, as a foreign prefix is.
        }
        throw new TrainingDataException($"'{tag}' of word {word} is no {Name(scheme)} tag; its prefixes are {string.Join(", ", rules.Prefixes.ToCharArray())}");
    }

    /// <summary>Tjong Kim Sang's conlleval, with the additions seqeval has for E, S and foreign prefixes.</summary>
    private static List<EntitySpan> Chunks(TagParts[] tags)
    {
        var found = new List<EntitySpan>();
        TagParts before = new('O', "");
        int first = 0;
        for (int i = 0; i <= tags.Length; i++)
        {
            TagParts now = i < tags.Length ? tags[i] : TagParts.Outside;
            bool changes = before.Type != now.Type;
            bool ends = before.Prefix is 'E' or 'S'
                || (before.Prefix is 'B' or 'I' && now.Prefix is 'B' or 'S' or 'O')
                || (before.Prefix is not ('O' or '.') && changes);
            if (ends) found.Add(new(before.Type, first, i - 1));
            bool starts = now.Prefix is 'B' or 'S'
                || (before.Prefix is 'E' or 'S' or 'O' && now.Prefix is 'E' or 'I')
                || (now.Prefix is not ('O' or '.') && changes);
            if (starts) first = i;
            before = now;
        }
        return found;
    }

    private static void Write(string[] tags, EntitySpan entity, TaggingScheme scheme, bool followsItsType)
    {
        (string inside, string type) = ("I-" + entity.Type, entity.Type);
        for (int i = entity.First; i <= entity.Last; i++) tags[i] = inside;
        bool single = entity.First == entity.Last;
        switch (scheme)
        {
            case TaggingScheme.Iob1:
                if (followsItsType) tags[entity.First] = "B-" + type;
                break;
            case TaggingScheme.Iob2:
                tags[entity.First] = "B-" + type;
                break;
            case TaggingScheme.Ioe1:
                if (followsItsType) tags[entity.First - 1] = "E-" + type;
                break;
            case TaggingScheme.Ioe2:
                tags[entity.Last] = "E-" + type;
                break;
            default:
                bool bilou = scheme == TaggingScheme.Bilou;
                tags[entity.First] = (single ? bilou ? "U-" : "S-" : "B-") + type;
                if (!single) tags[entity.Last] = (bilou ? "L-" : "E-") + type;
                break;
        }
    }
}
