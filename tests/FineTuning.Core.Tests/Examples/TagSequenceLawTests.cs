using FineTuning.Examples;
using Xunit;

namespace FineTuning.Tests.Examples;

/// <summary>Entities to tags and back, in every scheme, over many drawn sentences.</summary>
public sealed class TagSequenceLawTests
{
    public static TheoryData<TaggingScheme> Schemes() => [.. Enum.GetValues<TaggingScheme>().Where(scheme => scheme != TaggingScheme.Plain)];

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Entities_survive_every_scheme(TaggingScheme scheme)
    {
        var random = new Random(5);
        for (int trial = 0; trial < 400; trial++)
        {
            EntitySpan[] entities = Draw(random, out int words);
            string[] tags = TagSequence.Tags(entities, words, scheme);
            Assert.Empty(TagSequence.Problems(tags, scheme));
            Assert.Equal(entities, TagSequence.Repaired(tags, scheme));
            // Strict IOE1, as the reference has it, drops a lone E after O.
            if (scheme != TaggingScheme.Ioe1) Assert.Equal(entities, TagSequence.StrictEntities(tags, scheme));
        }
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Repaired_tags_are_well_formed_and_stay_as_they_are(TaggingScheme scheme)
    {
        var random = new Random(6);
        string prefixes = SchemeRules.Of(scheme).Prefixes;
        for (int trial = 0; trial < 400; trial++)
        {
            string[] broken = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => prefixes[random.Next(prefixes.Length)]).Select(prefix => prefix == 'O' ? "O" : $"{prefix}-{"AB"[random.Next(2)]}")];
            IReadOnlyList<EntitySpan> entities = TagSequence.Repaired(broken, scheme);
            string[] repaired = TagSequence.Tags(entities, broken.Length, scheme);
            Assert.Empty(TagSequence.Problems(repaired, scheme));
            Assert.Equal(entities, TagSequence.Repaired(repaired, scheme));
            // What is inside an entity before is inside one after: nothing is lost in a repair.
            for (int i = 0; i < broken.Length; i++) Assert.Equal(broken[i] == "O", repaired[i] == "O");
        }
    }

    [Fact]
    public void Overlapping_and_outside_entities_are_refused()
    {
        Assert.Throws<ArgumentException>(() => TagSequence.Tags([new("A", 0, 1), new("B", 1, 2)], 3, TaggingScheme.Iob2));
        Assert.Throws<ArgumentException>(() => TagSequence.Tags([new("A", 2, 3)], 3, TaggingScheme.Iob2));
    }

    [Fact]
    public void Neighbours_of_a_document_are_context()
    {
        TaggedWords Sentence(int document, params string[] words) => new(words, [.. words.Select(_ => "O")]) { Document = document };
        TaggedWords[] read = [.. new[] { Sentence(0, "a", "b"), Sentence(0, "c"), Sentence(0, "d", "e"), Sentence(1, "f"), Sentence(1, "g") }.WithContext(2)];
        Assert.Equal(["", "a b", "a b c", "", "f"], read.Select(sentence => string.Join(' ', sentence.Before)));
        Assert.Equal(["c d e", "d e", "", "g", ""], read.Select(sentence => string.Join(' ', sentence.After)));
        Assert.Equal(["a b", "c", "d e", "f", "g"], read.Select(sentence => string.Join(' ', sentence.Words)));
    }

    private static EntitySpan[] Draw(Random random, out int words)
    {
        var entities = new List<EntitySpan>();
        words = random.Next(1, 12);
        for (int at = 0; at < words;)
        {
            int length = random.Next(1, 4);
            if (random.Next(3) > 0 && at + length <= words) entities.Add(new(new string("AB"[random.Next(2)], 1), at, at + length - 1));
            at += length;
        }
        return [.. entities];
    }
}
