using FineTuning.Examples;
using FineTuning.Heads;

namespace FineTuning.Training;

/// <summary>Changes sentences with entities: the texts of entities stay as they are, and tags and offsets follow them.</summary>
internal static class TaggedAugmentation
{
    /// <summary>The example with changed words; the example itself where its entities cannot be followed.</summary>
    public static TaggedText Of(TaggedText example, Action<AugmentedText> change) => example switch
    {
        TaggedWords words => Of(words, change),
        AnnotatedText text => Of(text, change),
        _ => example,
    };

    /// <summary>The words of each entity with its type.</summary>
    public static IEnumerable<(string Type, string[] Words)> Entities(TaggedText example)
    {
        AugmentedText? text = example switch
        {
            TaggedWords words => Parse(words),
            AnnotatedText annotated => Parse(annotated)?.Text,
            _ => null,
        };
        if (text is null) yield break;
        for (int group = 0; group < text.Types.Count; group++)
        {
            if (text.Types[group] is { } type) yield return (type, [.. text.Of(group).Select(i => text.Words[i].Text)]);
        }
    }

    private static TaggedWords Of(TaggedWords example, Action<AugmentedText> change)
    {
        if (Parse(example) is not { } text) return example;
        change(text);
        if (text.Words.Count == 0) return example;
        string[] words = [.. text.Words.Select(word => word.Text)];
        if (example.Scheme == TaggingScheme.Plain)
        {
            // Each word that is not outside is a group whose type is its tag.
            return example with { Words = words, Tags = [.. text.Words.Select(word => word.Group < 0 ? TagParts.OutsideTag : text.Types[word.Group]![1..])] };
        }
        var entities = new List<EntitySpan>();
        for (int group = 0; group < text.Types.Count; group++)
        {
            if (text.Of(group) is { Length: > 0 } own) entities.Add(new(text.Types[group]!, own[0], own[^1]));
        }
        return example with { Words = words, Tags = TagSequence.Tags(entities, words.Length, example.Scheme) };
    }

    private static AugmentedText? Parse(TaggedWords example)
    {
        var groups = new int[example.Words.Count];
        Array.Fill(groups, -1);
        var types = new List<string?>();
        if (example.Scheme == TaggingScheme.Plain)
        {
            for (int i = 0; i < groups.Length; i++)
            {
                if (example.Tags[i] == TagParts.OutsideTag) continue;
                groups[i] = types.Count;
                // No entity has such a type, so that words are not exchanged.
                types.Add("\0" + example.Tags[i]);
            }
        }
        else
        {
            IReadOnlyList<EntitySpan> entities = TagSequence.Repaired(example.Tags, example.Scheme);
            // What the tags of these entities are not is damaged, and stays as it is.
            if (!TagSequence.Tags(entities, groups.Length, example.Scheme).SequenceEqual(example.Tags)) return null;
            foreach (EntitySpan entity in entities)
            {
                Array.Fill(groups, types.Count, entity.First, entity.Last + 1 - entity.First);
                types.Add(entity.Type);
            }
        }
        return new([.. example.Words.Select((word, i) => new AugmentedWord(i == 0 ? "" : " ", word, groups[i]))], types);
    }

    private static AnnotatedText Of(AnnotatedText example, Action<AugmentedText> change)
    {
        if (Parse(example) is not { } parsed) return example;
        change(parsed.Text);
        (string text, (int Start, int End)[] groups) = parsed.Text.Join();
        if (string.IsNullOrWhiteSpace(text)) return example;
        IEnumerable<TextSpan> spans = groups.Select((group, i) => (Group: group, parsed.Spans[i])).Where(pair => pair.Group.Start >= 0)
            .Select(pair => pair.Item2 with { Start = pair.Group.Start, End = pair.Group.End });
        return example with { Text = text, Spans = [.. spans] };
    }

    // Entities that begin or end inside a word, or share one, are not followed.
    private static (AugmentedText Text, TextSpan[] Spans)? Parse(AnnotatedText example)
    {
        TextSpan[] spans = [.. example.Spans.OrderBy(span => span.Start)];
        List<WordSpan> words = WordBoundaries.Of(example.Text);
        HashSet<int> starts = [.. words.Select(word => word.Start)], ends = [.. words.Select(word => word.End)];
        if (!Array.TrueForAll(spans, span => starts.Contains(span.Start) && ends.Contains(span.End))) return null;
        int Group(WordSpan word) => Array.FindIndex(spans, span => word.Start >= span.Start && word.End <= span.End);
        return (AugmentedText.Of(example.Text, words, Group, [.. spans.Select(span => span.Type)]), spans);
    }
}
