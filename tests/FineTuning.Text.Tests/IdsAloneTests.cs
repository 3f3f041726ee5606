using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Ids alone are those of the whole row, in every pipeline and for every text.</summary>
public sealed class IdsAloneTests
{
    public static TheoryData<string> Names() => TokenizerFolders.Names();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Names))]
    public void They_equal_the_rows_ids(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        string[] goldens = GoldenFolder.Texts(Path.Combine(Goldens.Require("tokenizers"), "texts.jsonl"));
        int compared = 0;
        foreach (string text in goldens.Concat(TokenizerFolders.Texts(tokenizer, name, 300)).Concat(Odd()))
        {
            foreach (bool special in new[] { true, false })
            {
                if (TokenizerFolders.Encode(tokenizer, text, new TokenizingOptions { AddSpecialTokens = special }) is not { } row)
                {
                    Assert.Throws<TokenizationException>(() => tokenizer.EncodeIds(text, special));
                    continue;
                }
                Assert.Equal(row.Ids, tokenizer.EncodeIds(text, special));
                var exact = new int[row.Ids.Length];
                Assert.True(tokenizer.TryEncodeIds(text, exact, out int count, special));
                Assert.Equal(row.Ids, exact[..count]);
                if (exact.Length > 0) Assert.False(tokenizer.TryEncodeIds(text, exact.AsSpan(1), out count, special));
                compared++;
            }
        }
        Assert.True(compared > 0);
    }

    // Every character of the basic plane, by itself and between letters: cleaning, lower case, accents and classes are those of the whole pipeline.
    [Fact]
    public void They_equal_the_rows_ids_for_every_character()
    {
        foreach (string name in new[] { "bert-uncased", "bert-cased", "bert-cased-strip", "bert-chinese" })
        {
            if (Goldens.Folder("tokenizers", name) is null || TokenizerFolders.TryLoad(name) is not { } tokenizer) continue;
            for (int first = 0; first <= char.MaxValue; first++)
            {
                string text = $"a{(char)first}b {(char)first}";
                Assert.True(tokenizer.Encode(text).Ids.AsSpan().SequenceEqual(tokenizer.EncodeIds(text)), $"{name}: U+{first:X4}");
            }
        }
    }

    [Fact]
    public void Words_that_were_seen_take_no_memory()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(Goldens.Starter);
        var ids = new int[200];
        const string text = "The quick brown fox\u2019s jumps, uncharacteristically, over 12,345 lazy dogs \u2014 na\u00EFve caf\u00E9 \u4E2D\u56FD!";
        for (int i = 0; i < 3; i++) Assert.True(tokenizer.TryEncodeIds(text, ids, out _));
        long least = Enumerable.Range(0, 5).Min(_ =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            tokenizer.TryEncodeIds(text, ids, out int _);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        });
        Assert.Equal(0, least);
    }

    [Fact]
    public void A_template_that_has_the_text_twice_gives_it_twice()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"),
            """
            {"model": {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"},
             "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}], "special_tokens": {}}}
            """);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
        Assert.Equal(tokenizer.Encode("a").Ids, tokenizer.EncodeIds("a"));
        Directory.Delete(folder, recursive: true);
    }

    private static IEnumerable<string> Odd()
    {
        yield return "";
        yield return new string('a', 101) + " " + new string('b', 100);
        yield return new string('\u00E9', 150);
        yield return "a\u0315\u0300b \uD800x";
        yield return "\u0130\u1E9E\uAC01 [CLS] [ ] \u2019t";
        yield return string.Concat(Enumerable.Repeat("\u4E2D\u6587, ok! ", 200));
    }
}
