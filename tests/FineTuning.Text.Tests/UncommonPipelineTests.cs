using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Combinations that no published checkpoint has, where a short cut of ours once showed. What is expected is what Hugging Face's tokenizers 0.23.2 gives; offsets count code points.</summary>
public sealed class UncommonPipelineTests
{
    private const string Bytes = """{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}""";
    private const string PrefixedBytes = """{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}""";
    private const string Chinese = """{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": false, "lowercase": false}""";
    private const string Letters = """{"type": "FixedLength", "length": 1}""";

    [Fact]
    public void Letters_of_the_byte_alphabet_that_are_not_in_the_vocabulary_fall_back_to_their_own_bytes()
    {
        string entries = string.Join(", ", Enumerable.Range(0, 256).Select(value => $"\"<0x{value:X2}>\": {value}"));
        PretrainedTokenizer tokenizer = Load($$"""{"pre_tokenizer": {{Bytes}}, "model": {"type": "BPE", "byte_fallback": true, "unk_token": null, "vocab": { {{entries}}, "a": 256}, "merges": []} }""");
        Assert.Equal("a@0-1 <0xC4>@1-2 <0xA0>@1-2 <0xC3>@2-3 <0x83>@2-3 <0xC2>@2-3 <0xA9>@2-3", Row(tokenizer, "a \u00E9"));
    }

    [Theory]
    [InlineData(" a", "a@1-2")]
    [InlineData("a", "\u2581a@0-1")]
    public void The_mark_of_a_first_word_is_put_where_the_text_begins_and_not_where_a_normalizer_has_cut_it(string text, string expected) => Assert.Equal(expected, Row(Load(
        """
        {"normalizer": {"type": "Strip", "strip_left": true, "strip_right": true}, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true},
         "model": {"type": "WordLevel", "vocab": {"\u2581": 0, "a": 1, "\u2581a": 2, "b": 3}, "unk_token": "b"}}
        """), text));

    [Theory]
    [InlineData(Bytes, "a\U00020000b", "a@0-1 \u0120@2-2 \u00F0@1-2 \u0142@1-2 \u0122@1-2 \u0122@1-2 \u0120@2-2 b@2-3")]
    [InlineData(PrefixedBytes, "\U00020000b", "\u0120@0-0 \u00F0@0-1 \u0142@0-1 \u0122@0-1 \u0122@0-1 \u0120@0-0 b@1-2")]
    [InlineData(Bytes, "a \u200B\u200B\u200B\u200B a", "a@0-1 \u0120@2-2 \u0120@7-7 a@7-8")]
    [InlineData(Bytes, "a \uE000\uE000\uE000\uE000  a", "a@0-1 \u0120\u0120@3-5 \u0120@8-8 a@8-9")]
    public void Spaces_at_the_edges_of_tokens_are_counted_in_code_points(string around, string text, string expected)
    {
        string entries = string.Join(", ", "\u0120ab\u00F0\u0142\u0122".Select((letter, id) => $"\"{letter}\": {id}"));
        PretrainedTokenizer tokenizer = Load($$"""{"normalizer": {{Chinese}}, "pre_tokenizer": {{Bytes}}, "post_processor": {{around}}, "model": {"type": "BPE", "vocab": { {{entries}}, "\u0120\u0120": 6}, "merges": [["\u0120", "\u0120"]]} }""");
        Assert.Equal(expected, Row(tokenizer, text));
    }

    // U+11D44 has been a mark of class 9 since Unicode 10, U+11938 a composition since Unicode 13: the reference's tables are older.
    [Theory]
    [InlineData("NFD", "a\u05BC\U00011D44a\u0301\u0334", "a@0-1 \u05BC@1-2 \U00011D44@2-3 a@3-4 \u0334@4-5 \u0301@5-6")]
    [InlineData("NFC", "\U00011935\U00011930a\u0301\U00011938", "\U00011935@0-1 \U00011930@1-2 \u00E1@2-3 \U00011938@4-5")]
    public void Normal_forms_are_those_of_the_references_tables(string form, string text, string expected)
    {
        string entries = string.Join(", ", new[] { "u", "a", "\u05BC", "\U00011D44", "\u0334", "\u0301", "\u00E1", "\U00011938", "\U00011935", "\U00011930" }.Select((entry, id) => $"\"{entry}\": {id}"));
        Assert.Equal(expected, Row(Load($$"""{"normalizer": {"type": "{{form}}"}, "pre_tokenizer": {{Letters}}, "model": {"type": "WordLevel", "vocab": { {{entries}} }, "unk_token": "u"} }"""), text));
    }

    [Theory]
    [InlineData("rstrip", "", "a   b", "3@0-4 4@1-3 0@3-4 1@4-5")]
    [InlineData("rstrip", "rstrip", "a     b", "3@0-6 4@1-6 4@3-6 1@6-7")]
    [InlineData("rstrip", "lstrip", "a  b", "3@0-3 1@3-4")]
    public void Blanks_that_one_added_token_takes_may_be_part_of_another(string first, string second, string text, string expected)
    {
        string Added(int id, string content, string rule) =>
            $$"""{"id": {{id}}, "content": "{{content}}", "single_word": false, "lstrip": {{(rule == "lstrip" ? "true" : "false")}}, "rstrip": {{(rule == "rstrip" ? "true" : "false")}}, "normalized": false, "special": false}""";
        PretrainedTokenizer tokenizer = Load($$"""{"added_tokens": [{{Added(3, "a", first)}}, {{Added(4, "  ", second)}}], "pre_tokenizer": {{Letters}}, "model": {"type": "WordLevel", "vocab": {" ": 0, "b": 1, "u": 2}, "unk_token": "u"} }""");
        TokenizedText row = tokenizer.Encode(text);
        Assert.Equal(expected, string.Join(' ', row.Ids.Select((id, i) => $"{id}@{row.Starts[i]}-{row.Ends[i]}")));
    }

    [Theory]
    [InlineData("always")]
    [InlineData("first")]
    public void Settings_that_contradict_each_other_are_refused(string scheme) => Assert.Contains("contradict", Assert.Throws<CheckpointException>(() => Load(
        $$"""{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "{{scheme}}", "add_prefix_space": false}, "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"} }""")).Message, StringComparison.Ordinal);

    // A few links double a text: forty of them would make a million million characters of one.
    [Theory]
    [InlineData("normalizer", "normalizers", """{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}""")]
    [InlineData("normalizer", "normalizers", """{"type": "Prepend", "prepend": "0123456789012345678901234567890123456789012345678901234567890123456789"}, {"type": "Replace", "pattern": {"Regex": "."}, "content": "aa"}""")]
    [InlineData("pre_tokenizer", "pretokenizers", """{"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}, {"type": "FixedLength", "length": 1}""")]
    [InlineData("decoder", "decoders", """{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}""")]
    public void A_chain_that_makes_a_text_grow_without_end_is_stopped(string part, string list, string step)
    {
        string links = string.Join(", ", Enumerable.Repeat(step, 40));
        PretrainedTokenizer tokenizer = Load($$"""{"{{part}}": {"type": "Sequence", "{{list}}": [{{links}}]}, "model": {"type": "WordLevel", "vocab": {"u": 0, "a": 1}, "unk_token": "u"} }""");
        long before = GC.GetAllocatedBytesForCurrentThread();
        TokenizationException fault = Assert.Throws<TokenizationException>(() => part == "decoder" ? tokenizer.Decode([1]) : Row(tokenizer, "a"));
        Assert.Contains("more than 4,160 characters of 1", fault.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64 << 20);
    }

    private static PretrainedTokenizer Load(string parts)
    {
        var file = new JsonObject { ["version"] = "1.0", ["added_tokens"] = new JsonArray(), ["normalizer"] = null, ["pre_tokenizer"] = null, ["post_processor"] = null, ["decoder"] = null };
        foreach ((string key, JsonNode? part) in (JsonObject)JsonNode.Parse(parts)!) file[key] = part?.DeepClone();
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file.ToJsonString());
            return PretrainedTokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Row(PretrainedTokenizer tokenizer, string text)
    {
        TokenizedText row = tokenizer.Encode(text);
        int Points(int index) => text[..index].EnumerateRunes().Count();
        return string.Join(' ', row.Ids.Select((_, i) => $"{row.Token(i)}@{Points(row.Starts[i])}-{Points(row.Ends[i])}"));
    }
}
