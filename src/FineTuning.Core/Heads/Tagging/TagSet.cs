using FineTuning.Errors;
using FineTuning.Examples;

namespace FineTuning.Heads;

/// <summary>The tags of a tagger in the order of its outputs, and the scheme they are written in.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class TagSet
{
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);

    internal TagSet(IReadOnlyList<string> names, TaggingScheme scheme, IReadOnlyList<string>? stored = null)
    {
        var problems = new List<string>();
        if (names.Count < 2) problems.Add($"there are {names.Count} tags: a tagger needs 2 or more");
        for (int i = 0; i < names.Count; i++)
        {
            if (string.IsNullOrEmpty(names[i])) problems.Add($"tag {i} is empty");
            else if (!_indices.TryAdd(names[i], i)) problems.Add($"tag '{names[i]}' is listed twice");
        }
        if (problems.Count == 0)
        {
            problems.AddRange(
                names.SelectMany((name, i) => TagSequence.Problems([name], scheme).Where(problem => !problem.IsReadable)
                    .Select(problem => $"tag {i}: {problem.Message}")));
            if (scheme != TaggingScheme.Plain && !_indices.ContainsKey(TagParts.OutsideTag))
                problems.Add("the tag O is missing: words outside entities have it; tags that stand for single words need Scheme = TaggingScheme.Plain");
        }
        if (problems.Count > 0) throw new InvalidOptionsException(problems);
        (Names, Scheme, StoredNames) = (names, scheme, stored ?? names);
    }

    /// <summary>The tags in the order of the outputs.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>What the checkpoint calls them, where it writes them in another case.</summary>
    internal IReadOnlyList<string> StoredNames { get; }

    /// <summary>How they say where entities begin and end.</summary>
    public TaggingScheme Scheme { get; }

    /// <summary>How many there are.</summary>
    public int Count => Names.Count;

    /// <summary>The index of a tag in the outputs, or -1.</summary>
    /// <param name="tag">For example B-PER.</param>
    public int IndexOf(string tag)
    {
        ArgumentNullException.ThrowIfNull(tag);
        return _indices.GetValueOrDefault(tag, -1);
    }

    /// <summary>
    /// The tags a model has: those the user lists; else O and those of the entity types; else the checkpoint's own. Where the checkpoint's head is taken over,
    /// each stands at the output that has its name.
    /// </summary>
    /// <param name="types">The user's entity types. Null: there are none.</param>
    /// <param name="options">The user's tags and scheme.</param>
    /// <param name="stored">What the checkpoint says of its outputs.</param>
    /// <param name="refusal">Why the checkpoint's head cannot be that of these tags. Null: it can.</param>
    /// <exception cref="InvalidOptionsException">Types and tags are both given, are not well formed, or there are none.</exception>
    internal static TagSet Resolve(IReadOnlyList<string>? types, TokenClassifierOptions options, StoredOutputs stored, out string? refusal)
    {
        refusal = null;
        if (types is not null && options.Tags is not null)
            throw new InvalidOptionsException(["entity types and Tags are both given: the tags follow from the types, so name one of them"]);
        if (types is not null && types.Any(string.IsNullOrWhiteSpace)) throw new InvalidOptionsException(["an entity type is empty"]);
        if (types is null && options.Tags is null)
        {
            return stored.Defaults.Count > 0 ? new(stored.Defaults, options.Scheme ?? SchemeOf(stored.Defaults))
                : throw new InvalidOptionsException(
                    [$"{stored.Folder}: the checkpoint names no tags; give the entity types, or list the tags in the options (Tags = [...])"]);
        }
        if (types is not null && OfStoredTypes(types, options.Scheme, stored) is { } found) return found;
        TaggingScheme scheme = options.Scheme ?? (options.Tags is { } listed ? SchemeOf(listed) : TaggingScheme.Iob2);
        var tags = new TagSet(options.Tags ?? Derived(types!, scheme), scheme);
        OutputOrder order = stored.Order(tags.Names, stated: options.Tags is not null, "tags", "Tags");
        refusal = order.Refusal;
        return new([.. order.Indices.Select(index => tags.Names[index])], scheme, order.Names);
    }

    /// <summary>Which tag may follow which, by indices; null where all may.</summary>
    internal bool[,]? Followers()
    {
        if (Scheme == TaggingScheme.Plain) return null;
        TagParts[] parts = Parts();
        var allowed = new bool[Count, Count];
        bool all = true;
        for (int before = 0; before < Count; before++)
        {
            for (int now = 0; now < Count; now++) all &= allowed[before, now] = TagOrder.MayFollow(parts[before], parts[now], Scheme);
        }
        return all && Starters()!.All(may => may) ? null : allowed;
    }

    /// <summary>Which tags may begin a sentence.</summary>
    internal bool[] Starters() => [.. Parts().Select(tag => TagOrder.MayFollow(null, tag, Scheme))];

    /// <summary>Which tags may end a sentence.</summary>
    internal bool[] Enders() => [.. Parts().Select(tag => TagOrder.MayEnd(tag, Scheme))];

    private TagParts[] Parts() => [.. Names.Select(name => TagParts.TryExact(name, out TagParts parts) ? parts : TagParts.Outside)];

    /// <summary>The tags of the types, O first, each type's as B, I, E, L, S, U.</summary>
    private static string[] Derived(IReadOnlyList<string> types, TaggingScheme scheme) => scheme == TaggingScheme.Plain
        ? [.. types]
        : [TagParts.OutsideTag, .. types.SelectMany(type => SchemeRules.Of(scheme).Prefixes.Where(prefix => prefix != 'O').OrderBy("BIELSU".IndexOf)
            .Select(prefix => $"{prefix}-{type}"))];

    /// <summary>
    /// The checkpoint's tags where they are of the asked types, whatever their scheme; null:
    /// they are not, or the user names a scheme, by which they are compared.
    /// </summary>
    private static TagSet? OfStoredTypes(IReadOnlyList<string> types, TaggingScheme? scheme, StoredOutputs stored)
    {
        if (!stored.Binds || stored.IsGeneric || scheme is not null) return null;
        TaggingScheme own = SchemeOf(stored.Names);
        if (own == TaggingScheme.Plain)
            return OutputNames.Match(stored.Names, types) is { } matched ? new([.. matched.Select(index => types[index])], own, stored.Names) : null;
        TagParts[] parts = [.. stored.Names.Select(name => TagParts.TryExact(name, out TagParts tag) ? tag : TagParts.Outside)];
        string[] known = [.. parts.Where(tag => tag.Prefix != 'O').Select(tag => tag.Type).Distinct(StringComparer.Ordinal)];
        if (OutputNames.Match(known, types) is not { } indices) return null;
        Dictionary<string, string> asked = known.Zip(indices).ToDictionary(pair => pair.First, pair => types[pair.Second], StringComparer.Ordinal);
        return new([.. parts.Select(tag => tag.Prefix == 'O' ? TagParts.OutsideTag : $"{tag.Prefix}-{asked[tag.Type]}")], own, stored.Names);
    }

    private static TaggingScheme SchemeOf(IReadOnlyList<string> names)
    {
        if (!names.All(name => TagParts.TryExact(name, out _)) || !names.Contains(TagParts.OutsideTag, StringComparer.Ordinal)) return TaggingScheme.Plain;
        if (TagSequence.Detect([names]) is { } found) return found;
        return names.All(name => name[0] is 'O' or 'I') ? TaggingScheme.Iob1 : TaggingScheme.Plain;
    }
}
