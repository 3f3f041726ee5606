using System.Text;
using System.Text.Json;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Every code point through the character classes and the normalizers that go by characters.</summary>
public sealed class UnicodeClassTests
{
    private static JsonElement Read(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Goldens.Require("tokenizers", "unicode"), name)));
        return document.RootElement.Clone();
    }

    private static bool[] Members(JsonElement ranges)
    {
        var members = new bool[0x110000];
        int[] flat = [.. ranges.EnumerateArray().Select(point => point.GetInt32())];
        for (int i = 0; i < flat.Length; i += 2) members.AsSpan(flat[i], flat[i + 1] - flat[i] + 1).Fill(true);
        return members;
    }

    private static IEnumerable<int> Points() => Enumerable.Range(0, 0x110000).Where(point => point is < 0xD800 or > 0xDFFF);

    private static string Hex(IEnumerable<int> points) => string.Join(' ', points.Take(10).Select(point => $"U+{point:X4}"));

    [Fact]
    public void Classes_hold_what_the_reference_finds()
    {
        JsonElement classes = Read("classes.json");
        foreach (JsonProperty entry in classes.GetProperty("regex").EnumerateObject())
        {
            SplitPattern pattern = SplitPattern.Expression(entry.Name);
            bool[] members = Members(entry.Value);
            int[] wrong = [.. Points().Where(point => pattern.Find(char.ConvertFromUtf32(point)).MoveNext() != members[point])];
            Assert.True(wrong.Length == 0, $"{entry.Name}: {wrong.Length} differ: {Hex(wrong)}");
        }
    }

    [Theory]
    [InlineData("punctuation", "Punctuation", "isolated")]
    [InlineData("digits", "Digits", "contiguous")]
    [InlineData("whitespace_split", "WhitespaceSplit", "removed")]
    [InlineData("whitespace_dropped", "Whitespace", "removed")]
    [InlineData("bert_whitespace", "BertPreTokenizer", "removed")]
    [InlineData("bert_punctuation", "BertPreTokenizer", "isolated")]
    public void Words_are_cut_where_the_reference_cuts(string table, string type, string becomes)
    {
        bool[] members = Members(Read("classes.json").GetProperty(table));
        PreTokenizer step = Components.PreTokenizer(System.Text.Json.Nodes.JsonNode.Parse($$"""{"type":"{{type}}","behavior":"Isolated"}""")!.AsObject(), modelSpells: false, "tokenizer.json")!;
        var wrong = new List<int>();
        foreach (int point in Points())
        {
            string text = "a" + char.ConvertFromUtf32(point) + "a";
            var parts = new PieceList();
            step.Split(new Piece(new AlignedText(text, 0), 0, text.Length), parts);
            bool found = becomes == "removed" ? parts.Count == 2 : parts.Count == 3;
            // Whitespace keeps words apart from other marks, and drops white space alone.
            if (type == "Whitespace") found = parts.Items.ToArray().Sum(part => part.Length) == 2;
            if (found != members[point]) wrong.Add(point);
        }
        Assert.True(wrong.Count == 0, $"{table}: {wrong.Count} differ: {Hex(wrong)}");
    }

    [Theory]
    [InlineData("bert_clean", """{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":false,"strip_accents":false,"lowercase":false}""")]
    [InlineData("bert_chinese", """{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":true,"strip_accents":false,"lowercase":false}""")]
    [InlineData("bert_strip_accents", """{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":false,"strip_accents":true,"lowercase":false}""")]
    [InlineData("nmt", """{"type":"Nmt"}""")]
    [InlineData("strip_accents", """{"type":"StripAccents"}""")]
    [InlineData("lowercase", """{"type":"Lowercase"}""")]
    public void Characters_become_what_the_reference_makes_of_them(string table, string step)
    {
        JsonElement wanted = Read("normalizers.json").GetProperty(table);
        bool[]? Set(string name) => wanted.TryGetProperty(name, out JsonElement ranges) && name != "map" ? Members(ranges) : null;
        bool[]? removed = Set("removed"), space = Set("space"), spaced = Set("spaced");
        var map = new Dictionary<int, string>();
        if (wanted.TryGetProperty("map", out JsonElement pairs))
        {
            JsonElement[] flat = [.. pairs.EnumerateArray()];
            for (int i = 0; i < flat.Length; i += 2) map[flat[i].GetInt32()] = flat[i + 1].GetString()!;
        }
        Normalizer normalizer = Components.Normalizer(System.Text.Json.Nodes.JsonNode.Parse(step)!.AsObject(), "tokenizer.json")!;
        var wrong = new List<int>();
        foreach (int point in Points())
        {
            string text = char.ConvertFromUtf32(point);
            if (table == "bert_strip_accents" && point is >= 0xAC00 and <= 0xD7A3) continue;
            string expected = removed?[point] == true ? "" : space?[point] == true ? " " : spaced?[point] == true ? $" {text} " : map.GetValueOrDefault(point, text);
            var aligned = new AlignedText(text, 0);
            normalizer.Apply(aligned);
            if (!aligned.Characters.SequenceEqual(expected)) wrong.Add(point);
        }
        Assert.True(wrong.Count == 0, $"{table}: {wrong.Count} differ: {Hex(wrong)}");
    }

    // Found by comparing generated texts: what is not stripped stands in canonical order, and takes the place that it has there.
    [Fact]
    public void Marks_that_are_not_stripped_stand_in_canonical_order()
    {
        var text = new AlignedText("\u3126\u302B\u302F", 0);
        new BertNormalizer(clean: false, chinese: false, strip: true, lower: false).Apply(text);
        Assert.Equal("\u3126\u302F", text.Characters.ToString());
        Assert.Equal((1, 2), (text.StartOf(1), text.EndOf(1)));
    }

    [Fact]
    public void Scripts_join_what_the_reference_joins()
    {
        var step = new UnicodeScriptsPreTokenizer();
        foreach (JsonProperty entry in Read("scripts.json").EnumerateObject())
        {
            bool[] members = Members(entry.Value);
            int first = Array.IndexOf(members, true);
            string front = entry.Name == "joins_all" ? "a" : char.ConvertFromUtf32(first);
            foreach (int point in Points().Where(point => members[point]))
            {
                string text = front + char.ConvertFromUtf32(point);
                var parts = new PieceList();
                step.Split(new Piece(new AlignedText(text, 0), 0, text.Length), parts);
                Assert.True(parts.Count == 1, $"{entry.Name}: U+{point:X4} is cut from {front}");
            }
        }
    }
}
