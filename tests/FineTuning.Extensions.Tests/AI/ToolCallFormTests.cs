using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Extensions.AI;
using FineTuning.Heads;
using FineTuning.Testing;
using Microsoft.Extensions.AI;
using Xunit;

namespace FineTuning.Extensions.Tests.AI;

/// <summary>The forms of calls that are known, and what stays text; embeddings.</summary>
public sealed class ToolCallFormTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly HashSet<string> Tools = ["weather", "time"];

    private static string Parsed(string text, ToolCallForms forms = ToolCallForms.All) => string.Join(" | ", new ToolCallParser(Tools, forms).Parse(text)
        .Select(content => content is FunctionCallContent call ? $"{call.Name}({JsonSerializer.Serialize(call.Arguments)})" : $"'{content}'"));

    [Theory]
    [InlineData("plain", "'plain'")]
    [InlineData("", "")]
    [InlineData("<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}\n</tool_call>", "weather({\"city\":\"Ulm\"})")]
    [InlineData("Let me see. <tool_call>{\"name\":\"time\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"weather\",\"arguments\":{\"n\":2}}</tool_call>", "'Let me see. ' | time({}) | weather({\"n\":2})")]
    [InlineData("<tool_call>{\"name\":\"time\",\"arguments\":{}}", "time({})")]
    [InlineData("[{\"name\":\"time\",\"arguments\":{}},{\"name\":\"weather\",\"arguments\":{\"a\":[1]},\"id\":\"x1\"}]", "time({}) | weather({\"a\":[1]})")]
    [InlineData("{\"name\":\"weather\",\"parameters\":{\"city\":\"Ulm\"}}", "weather({\"city\":\"Ulm\"})")]
    // Of an unknown tool, no JSON, another form, an argument that is no object, twice the same key: text.
    [InlineData("<tool_call>{\"name\":\"bomb\",\"arguments\":{}}</tool_call>", "'<tool_call>{\"name\":\"bomb\",\"arguments\":{}}</tool_call>'")]
    [InlineData("<tool_call>weather()</tool_call>", "'<tool_call>weather()</tool_call>'")]
    [InlineData("<function=weather></function>", "'<function=weather></function>'")]
    [InlineData("[{\"name\":\"time\",\"arguments\":{}}, 3]", "'[{\"name\":\"time\",\"arguments\":{}}, 3]'")]
    [InlineData("{\"name\":\"weather\",\"parameters\":\"Ulm\"}", "'{\"name\":\"weather\",\"parameters\":\"Ulm\"}'")]
    [InlineData("{\"name\":\"weather\",\"name\":\"time\",\"parameters\":{}}", "'{\"name\":\"weather\",\"name\":\"time\",\"parameters\":{}}'")]
    [InlineData("[]", "'[]'")]
    public void Known_forms_are_calls_and_all_else_is_text(string text, string expected) => Assert.Equal(expected, Parsed(text));

    [Fact]
    public void Forms_can_be_left_out()
    {
        Assert.StartsWith("'", Parsed("<tool_call>{\"name\":\"time\",\"arguments\":{}}</tool_call>", ToolCallForms.Array), StringComparison.Ordinal);
        Assert.StartsWith("'", Parsed("{\"name\":\"time\",\"arguments\":{}}", ToolCallForms.Tags), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("It is warm", 10)]
    [InlineData("Let me see. <tool_", 12)]
    [InlineData("a <", 2)]
    [InlineData("a < b", 5)]
    [InlineData("see <tool_call>{\"na", 4)]
    [InlineData("{\"na", 0)]
    [InlineData(" [", 0)]
    [InlineData("  ", 0)]
    public void A_stream_holds_back_what_may_become_a_call(string text, int settled) => Assert.Equal(settled, new ToolCallParser(Tools, ToolCallForms.All).Settled(text));

    [Fact]
    public async Task Vectors_are_the_encoders()
    {
        string[] texts = ["a good film", "bad", "it was good"];
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(texts);
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(checkpoint.Folder);
        using IEmbeddingGenerator<string, Embedding<float>> generator = encoder.AsEmbeddingGenerator("tiny");
        GeneratedEmbeddings<Embedding<float>> found = await generator.GenerateAsync(texts, new EmbeddingGenerationOptions { Dimensions = encoder.Dimension }, Stop);
        float[][] expected = encoder.Encode(texts);
        for (int i = 0; i < texts.Length; i++) Assert.Equal(expected[i], found[i].Vector.ToArray());
        Assert.Equal(texts.Sum(text => encoder.Tokenizer.EncodeIds(text).Length), found.Usage!.InputTokenCount);
        Assert.Equal((encoder.Dimension, "tiny"), (generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions, found[0].ModelId));
        Assert.Empty(await generator.GenerateAsync([], cancellationToken: Stop));
        Assert.Contains("Dimensions is 7", (await Assert.ThrowsAsync<InvalidOptionsException>(
            () => generator.GenerateAsync(texts, new EmbeddingGenerationOptions { Dimensions = 7 }, Stop))).Message, StringComparison.Ordinal);
        using IEmbeddingGenerator<string, Embedding<float>> fake = new FakePredictor<string, float[]>(text => [text.Length]).AsEmbeddingGenerator();
        Assert.Equal(3, (await fake.GenerateVectorAsync("abc", cancellationToken: Stop)).Span[0]);
    }
}
