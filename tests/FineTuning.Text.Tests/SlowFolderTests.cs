using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Folders without tokenizer.json, in what their settings say. Expected offsets are those of Hugging Face's tokenizers 0.23.2 on the pipeline that transformers builds.</summary>
public sealed class SlowFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("GPT2Tokenizer", true, false, "9 0 1 | 9 0 1 9 1 0")]
    [InlineData("GPT2Tokenizer", false, true, "0 1 9 | 0 1 9 1 0 9")]
    [InlineData("GPT2Tokenizer", true, true, "9 0 1 9 | 9 0 1 9 9 1 0 9")]
    [InlineData("Qwen2Tokenizer", true, false, "9 0 1 | 9 0 1 9 1 0")]
    [InlineData("GPTNeoXTokenizer", true, true, "9 0 1 9 | 9 0 1 9 9 1 0 9")]
    [InlineData("GPT2Tokenizer", false, false, "0 1 | 0 1 1 0")]
    public void Begin_and_end_tokens_stand_where_the_settings_say(string type, bool begins, bool ends, string expected)
    {
        WriteBytePairs(new JsonObject
        {
            ["tokenizer_class"] = type, ["add_bos_token"] = begins, ["add_eos_token"] = ends, ["bos_token"] = "<e>", ["eos_token"] = "<e>", ["pad_token"] = "<e>", ["unk_token"] = "<e>",
        });
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(_folder);
        TokenizedText single = tokenizer.Encode("a b"), pair = tokenizer.Encode("a b", " ba");
        Assert.Equal(expected, $"{string.Join(' ', single.Ids)} | {string.Join(' ', pair.Ids)}");
        // A template trims nothing: the space belongs to the token that it begins.
        int word = Array.IndexOf(single.Ids, 1);
        Assert.Equal((1, 3), (single.Starts[word], single.Ends[word]));
        Assert.Equal(begins || ends, single.Special.Contains(true));
    }

    [Fact]
    public void Without_the_token_that_the_settings_ask_for_the_folder_is_refused()
    {
        WriteBytePairs(new JsonObject { ["tokenizer_class"] = "GPT2Tokenizer", ["add_bos_token"] = true, ["bos_token"] = null });
        Assert.Contains("bos_token", Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_that_the_caller_asks_for_takes_the_trimming_post_processors_place()
    {
        WriteBytePairs(new JsonObject { ["tokenizer_class"] = "PreTrainedTokenizerFast", ["bos_token"] = "<e>", ["eos_token"] = "<e>" });
        const string bytes = """{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}""";
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"),
            $$"""{"pre_tokenizer": {{bytes}}, "post_processor": {{bytes}}, "model": {"type": "BPE", "vocab": {"a": 0, "\u0120b": 1, "\u0120": 2, "b": 3, "<e>": 9}, "merges": [["\u0120", "b"]]} }""");
        Assert.Equal([0, 2], PretrainedTokenizer.Load(_folder).Encode("a b").Starts);
        TokenizedText row = PretrainedTokenizer.Load(_folder, new TokenizerSettings { AddBeginToken = true }).Encode("a b");
        Assert.Equal([9, 0, 1], row.Ids);
        Assert.Equal([0, 0, 1], row.Starts);
    }

    // White space is stripped before the character map drops controls, as the older line converts the folder: its offsets count from what the stripping left.
    [Theory]
    [InlineData("  \u001Cab", "0-0 2-3 3-4 0-0")]
    [InlineData("\u001Fa \u001D b", "0-0 0-1 3-4 4-5 0-0")]
    [InlineData(" a\u001E\u001E", "0-0 1-2 0-0")]
    [InlineData("\u00A0\u001D\u001Cx y\u001F ", "0-0 1-2 1-2 2-3 3-4 0-0")]
    public void Control_characters_have_the_references_offsets_in_unigram_folders(string text, string expected)
    {
        TokenizedText row = TokenizerFolders.Load("deberta-slow").Encode(text);
        Assert.Equal(expected, string.Join(' ', row.Starts.Zip(row.Ends, (start, end) => $"{start}-{end}")));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_second_text_of_a_pair_has_the_tokens_that_it_has_alone(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        string[] texts = TokenizerFolders.Texts(tokenizer, name, 60);
        string[] fronts = ["", " ", "   ", "        ", "\t ", "\u2581 ", "\n\n  "];
        for (int i = 0; i < texts.Length; i++)
        {
            string second = fronts[i % fronts.Length] + texts[i];
            if (TokenizerFolders.Encode(tokenizer, texts[^(i + 1)]) is null || TokenizerFolders.Encode(tokenizer, second) is not { } alone) continue;
            TokenizedText pair = tokenizer.Encode(texts[^(i + 1)], second);
            Assert.Equal(Tokens(alone, 0), Tokens(pair, 1));
        }
    }

    public static TheoryData<string> Names() => TokenizerFolders.Names();

    private static List<string> Tokens(TokenizedText row, int sequence) =>
        [.. Enumerable.Range(0, row.Ids.Length).Where(i => row.SequenceIds[i] == sequence).Select(i => $"{row.Ids[i]} {row.Token(i)} {row.Starts[i]}-{row.Ends[i]} {row.WordIds[i]}")];

    private void WriteBytePairs(JsonObject config)
    {
        File.WriteAllText(Path.Combine(_folder, "vocab.json"), """{"a": 0, "\u0120b": 1, "\u0120": 2, "b": 3, "<e>": 9}""");
        File.WriteAllText(Path.Combine(_folder, "merges.txt"), "#version: 0.2\n\u0120 b\n");
        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), JsonSerializer.Serialize(config));
    }
}
