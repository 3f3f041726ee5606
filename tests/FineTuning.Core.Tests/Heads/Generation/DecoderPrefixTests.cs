using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Tests.Generation;
using Xunit;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>Answers whose beginning is given: as the reference goes on from it, and as greedy search would have written it itself.</summary>
public sealed class DecoderPrefixTests : IDisposable
{
    private const int Most = 12;

    private readonly string _folder = Directory.CreateTempSubdirectory("decoder-prefix").FullName;

    public static TheoryData<string> Families()
    {
        var families = new TheoryData<string>();
        foreach (TheoryDataRow<string> row in GoldenModel.Families())
        {
            if (File.ReadAllText(Path.Combine(Goldens.Folder("generation", row.Data)!, "cases.jsonl")).Contains("decoder_input_ids", StringComparison.Ordinal)) families.Add(row.Data);
        }
        return families;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public void Goes_on_as_the_reference_does(string family)
    {
        int compared = 0;
        foreach (JsonElement test in Cases(family).Where(test => test.GetProperty("args").TryGetProperty("decoder_input_ids", out _)))
        {
            using TextToText model = Open(family, test.GetProperty("args"));
            int[][] sources = Sources(test), beginnings = GenerationGoldens.Rows(test.GetProperty("args").GetProperty("decoder_input_ids")), expected = GenerationGoldens.Rows(test.GetProperty("sequences"));
            for (int row = 0; row < sources.Length; row++)
            {
                GeneratedText text = Assert.Single(model.GenerateBatch([Words(sources[row])], new() { DecoderPrefix = Words(beginnings[row]) })[0]);
                int[] whole = [model.GenerationDefaults.DecoderStartTokenId!.Value, .. text.Tokens];
                string name = $"{family}, {test.GetProperty("name")}, row {row}: {Words(whole)} instead of {Words(expected[row])}";
                Assert.True(whole.SequenceEqual(expected[row].Take(whole.Length)), name);
                // What is behind it in the reference fills the batch.
                Assert.True(text.Reason == FinishReason.EndToken || whole.Length == expected[row].Length, name);
                compared++;
            }
        }
        Assert.True(compared > 0);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public async Task Greedy_search_goes_on_from_its_own_beginning(string family)
    {
        JsonElement test = Cases(family).First(test => test.GetProperty("args").TryGetProperty("decoder_input_ids", out _) && test.GetProperty("kind").GetString() == "greedy");
        using TextToText model = Open(family, test.GetProperty("args"));
        var options = new GenerationOptions { MaxNewTokens = Most };
        int end = model.GenerationDefaults.EosTokenId![0], tested = 0;
        foreach (string source in Sources(test).Select(Words))
        {
            GeneratedText greedy = model.GenerateBatch([source], options)[0][0];
            // A beginning that ends in the end token is one without it.
            for (int count = 1; count < greedy.Tokens.Count && greedy.Tokens[count - 1] != end; count++, tested++)
            {
                GenerationOptions rest = options with { DecoderPrefix = Words([.. greedy.Tokens.Take(count)]), MaxNewTokens = Most - count };
                GeneratedText again = model.GenerateBatch([source], rest)[0][0];
                Assert.Equal(greedy.Tokens, again.Tokens);
                Assert.Equal((greedy.Text, greedy.Reason), (again.Text, again.Reason));
                Assert.Equal(greedy.Text, model.Translate(source, rest));
                Assert.Equal(greedy.Text, string.Concat(await Pieces(model.GenerateStreamingAsync(source, rest))));
            }
        }
        Assert.True(tested > 2, $"greedy search wrote {tested} tokens before its end");
    }

    [Fact]
    public async Task A_beginning_of_words_is_part_of_the_answer()
    {
        using TextToText model = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"));
        var options = new GenerationOptions { DecoderPrefix = "The film", MaxNewTokens = 5, MinNewTokens = 5 };
        GeneratedText[] texts = [.. model.GenerateBatch(["A gripping film.", "I did not like it at all!"], options).Select(texts => texts[0])];
        int[] beginning = [.. model.Tokenizer.Encode("The film").Ids.SkipLast(1)];
        Assert.All(texts, text => Assert.Equal(beginning, text.Tokens.Take(beginning.Length)));
        Assert.All(texts, text => Assert.Equal(beginning.Length + 5, text.Tokens.Count));
        Assert.All(texts, text => Assert.StartsWith("The film", text.Text, StringComparison.Ordinal));
        string[] pieces = await Pieces(model.GenerateStreamingAsync("A gripping film.", options));
        Assert.Equal(texts[0].Text, string.Concat(pieces));
        Assert.Equal(texts[0].Text, model.Summarize("A gripping film.", options));
        Assert.Equal(model.Generate("A film."), model.Generate("A film.", new() { DecoderPrefix = "" }));
        GeneratedText beam = model.GenerateBatch(["A gripping film."], options with { NumBeams = 3 })[0][0];
        Assert.Equal(beginning, beam.Tokens.Take(beginning.Length));
    }

    [Fact]
    public void A_beginning_longer_than_the_positions_is_refused_by_name()
    {
        string family = Families().Select(row => row.Data).FirstOrDefault(family => GoldenModel.Require(family).HasLearnedPositions) ?? "";
        if (family.Length == 0) Assert.Skip("no encoder-decoder with learned positions is among the goldens of generation");
        using TextToText model = Open(family, JsonDocument.Parse("{}").RootElement);
        int positions = model.Trunk.Plan.MaximumTokens!.Value;
        var options = new GenerationOptions { DecoderPrefix = Words([.. Enumerable.Repeat(7, positions)]), MaxNewTokens = 1 };
        foreach (Action ask in new Action[] { () => model.Generate("t0007", options), () => model.GenerateStreamingAsync("t0007", options with { NumBeams = 1 }) })
        {
            string found = Assert.Throws<InvalidOptionsException>(ask).Message;
            Assert.Contains("DecoderPrefix", found, StringComparison.Ordinal);
            Assert.Contains($"{positions + 1} tokens", found, StringComparison.Ordinal);
            Assert.Contains($"{positions} positions", found, StringComparison.Ordinal);
        }
        // One token less leaves room for one that is never fed.
        Assert.NotNull(model.Generate("t0007", options with { DecoderPrefix = Words([.. Enumerable.Repeat(7, positions - 1)]) }));
    }

    [Fact]
    public void A_decoder_without_an_encoder_refuses_one()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        string found = Assert.Throws<InvalidOptionsException>(() => model.Generate("The film", new() { DecoderPrefix = "was" })).Message;
        Assert.Contains("DecoderPrefix", found, StringComparison.Ordinal);
        Assert.NotNull(model.Generate("The film", new() { DecoderPrefix = "", MaxNewTokens = 1 }));
    }

    private static IReadOnlyList<JsonElement> Cases(string family) => GenerationGoldens.Lines(GenerationGoldens.RequireFile(family, "cases.jsonl"));

    // The rows without what pads them.
    private static int[][] Sources(JsonElement test)
    {
        int[][] rows = GenerationGoldens.Rows(test.GetProperty("input_ids"));
        bool[][]? mask = GenerationGoldens.Mask(test);
        return [.. rows.Select((row, i) => row.Where((_, column) => mask is null || mask[i][column]).ToArray())];
    }

    // None begins another: special tokens are found within words.
    private static string Word(int id) => $"t{id:D4}";

    private static string Words(int[] ids) => string.Join(' ', ids.Select(id => Word(id)));

    private static async Task<string[]> Pieces(IAsyncEnumerable<string> stream)
    {
        var pieces = new List<string>();
        await foreach (string piece in stream) pieces.Add(piece);
        return [.. pieces];
    }

    // The models of these goldens have no tokenizer: one is put beside a copy, whose words are the numbers of the tokens. Arguments stand in the copy's file.
    private TextToText Open(string family, JsonElement args)
    {
        string source = GenerationGoldens.Require(family), copy = Directory.CreateDirectory(Path.Combine(_folder, Guid.NewGuid().ToString("N"))).FullName;
        if (!GoldenModel.Knows(family)) Assert.Skip($"the family of {family} is not known: it is not compared");
        foreach (string name in new[] { "config.json", "model.safetensors" }) File.Copy(Path.Combine(source, name), Path.Combine(copy, name));
        var generation = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(source, GenerationConfigFile.Name)))!;
        foreach (JsonProperty argument in args.EnumerateObject().Where(argument => argument.Name != "decoder_input_ids")) generation[argument.Name] = JsonNode.Parse(argument.Value.GetRawText());
        File.WriteAllText(Path.Combine(copy, GenerationConfigFile.Name), generation.ToJsonString());
        int size = JsonNode.Parse(File.ReadAllText(Path.Combine(copy, "config.json")))!["vocab_size"]!.GetValue<int>();
        string words = string.Join(", ", Enumerable.Range(0, size).Select(id => $"\"{Word(id)}\": {id}"));
        File.WriteAllText(Path.Combine(copy, "tokenizer.json"), $$"""{"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"type": "WordLevel", "vocab": { {{words}} }, "unk_token": "t0003"} }""");
        int end = generation["eos_token_id"]!.GetValue<int>();
        File.WriteAllText(Path.Combine(copy, "tokenizer_config.json"), $$"""{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "{{Word(end)}}"}""");
        return Pretrained.TextToText(copy);
    }
}
