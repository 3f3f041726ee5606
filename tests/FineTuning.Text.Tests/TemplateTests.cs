using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Templates that no published checkpoint has.</summary>
public sealed class TemplateTests
{
    private const string Pair = """[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}]""";

    [Fact]
    public void A_text_that_is_named_twice_stands_there_twice_in_every_window()
    {
        PretrainedTokenizer tokenizer = Tokenizer(Read("""[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"A","type_id":1}}]"""));
        TokenizedText whole = tokenizer.Encode("abcde");
        Assert.Equal([0, 1, 2, 3, 4, 0, 1, 2, 3, 4], whole.Ids);
        Assert.Equal([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], whole.TypeIds);
        Assert.Equal([0, 1, 2, 3, 4, 0, 1, 2, 3, 4], whole.Starts);
        var cut = new TokenizingOptions { Truncation = TruncationStrategy.LongestFirst, MaximumLength = 2, KeepOverflow = true };
        TokenizedText first = tokenizer.Encode("abcde", null, cut);
        Assert.Equal([[0, 1, 0, 1], [2, 3, 2, 3], [4, 4]], first.Overflow.Prepend(first).Select(window => window.Ids));
        TokenizerLaws.Covers(tokenizer, "abcde", cut, whole);
    }

    [Theory]
    [InlineData("""[{"Sequence":{"id":"B","type_id":0}}]""", "'B'")]
    [InlineData("""[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}]""", "'B'")]
    [InlineData("""[{"Sequence":{"id":"C","type_id":0}}]""", "'C'")]
    [InlineData("[]", "no text")]
    public void A_template_for_one_text_that_cannot_be_filled_is_refused(string single, string names) =>
        Assert.Contains(names, Assert.Throws<CheckpointException>(() => Read(single)).Message, StringComparison.Ordinal);

    private static Template Read(string single) => Templates.Read((JsonObject)JsonNode.Parse($$"""{"single":{{single}},"pair":{{Pair}},"special_tokens":{} }""")!, "tokenizer.json");

    private static PretrainedTokenizer Tokenizer(Template template) => new(new TokenizerParts
    {
        Model = new WordLevelModel("abcde".Select((letter, id) => KeyValuePair.Create(letter.ToString(), id)).ToDictionary(StringComparer.Ordinal), "a"),
        PreTokenizer = new FixedLengthPreTokenizer(1),
        Template = template,
    });
}
