using FineTuning.Errors;
using FineTuning.Examples;

namespace FineTuning.Heads;

/// <summary>The tags of a tagger in the order of its outputs, and the scheme they are written in.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class TagSet
{
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);

    internal TagSet(IReadOnlyList<string> names, TaggingScheme scheme)
    {
        var problems = new List<string>();
        if (names.Count < 2) problems.Add($"there are {names.Count} tags: a tagger needs 2 or more");
        for (int i = 0; i < names.Count; i++)
        {
            if (string.IsNullOrEmpty(names[i])) problems.Add($"tag {i} is empty");
            else if (!_places.TryAdd(names[i], i)) problems.Add($"tag '{names[i]}' is listed twice");
        }
        if (problems.Count == 0)
        {
            problems.AddRange(names.SelectMany((name, i) => TagSequence.Problems([name], scheme).Where(problem => !problem.IsReadable).Select(problem => $"tag {i}: {problem.Message}")));
            if (scheme != TaggingScheme.Plain && !_places.ContainsKey(TagParts.OutsideTag)) problems.Add("the tag O is missing: words outside entities have it");
        }
        if (problems.Count > 0) throw new InvalidOptionsException(problems);
        (Names, Scheme) = (names, scheme);
    }

    /// <summary>The tags in the order of the outputs.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>How they say where entities begin and end.</summary>
    public TaggingScheme Scheme { get; }

    /// <summary>How many there are.</summary>
    public int Count => Names.Count;

    /// <summary>The place of a tag in the outputs, or -1.</summary>
    /// <param name="tag">For example B-PER.</param>
    public int PlaceOf(string tag)
    {
        ArgumentNullException.ThrowIfNull(tag);
        return _places.GetValueOrDefault(tag, -1);
    }

    /// <summary>The tags a model has: those the user lists; else O and those of the entity types; else the checkpoint's own.</summary>
    internal static TagSet Resolve(IReadOnlyList<string>? types, TokenClassifierOptions options, IReadOnlyDictionary<int, string> stored, string folder)
    {
        if (types is not null && options.Tags is not null) throw new InvalidOptionsException(["entity types and Tags are both given: the tags follow from the types, so name one of them"]);
        bool named = stored.Count > 0 && stored.Any(pair => pair.Value != $"LABEL_{pair.Key}");
        string[] own = named ? [.. stored.OrderBy(pair => pair.Key).Select(pair => pair.Value)] : [];
        if (options.Tags is { } listed) return new(listed, options.Scheme ?? SchemeOf(listed));
        if (types is not null)
        {
            TaggingScheme scheme = options.Scheme ?? TaggingScheme.Iob2;
            if (types.FirstOrDefault(string.IsNullOrWhiteSpace) is not null) throw new InvalidOptionsException(["an entity type is empty"]);
            string[] names = scheme == TaggingScheme.Plain ? [.. types] : [TagParts.OutsideTag, .. types.SelectMany(type => SchemeRules.Of(scheme).Prefixes.Where(prefix => prefix != 'O').OrderBy("BIELSU".IndexOf).Select(prefix => $"{prefix}-{type}"))];
            // A checkpoint tuned before keeps the order of its outputs.
            return new(own.Length == names.Length && own.ToHashSet(StringComparer.Ordinal).SetEquals(names) ? own : names, scheme);
        }
        if (own.Length > 0) return new(own, options.Scheme ?? SchemeOf(own));
        throw new InvalidOptionsException([$"{folder}: the checkpoint names no tags; give the entity types, or list the tags in the options (Tags = [...])"]);
    }

    /// <summary>Which tag may follow which, by places; null where all may.</summary>
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

    private static TaggingScheme SchemeOf(IReadOnlyList<string> names)
    {
        if (!names.All(name => TagParts.TryExact(name, out _)) || !names.Contains(TagParts.OutsideTag, StringComparer.Ordinal)) return TaggingScheme.Plain;
        if (TagSequence.Detect([names]) is { } found) return found;
        return names.All(name => name[0] is 'O' or 'I') ? TaggingScheme.Iob1 : TaggingScheme.Plain;
    }
}
