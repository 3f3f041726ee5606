using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>What is tokenized on several threads fails as one text does: with the exception that is documented, and always with the same one.</summary>
public sealed class BatchFailureTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_first_text_that_fails_is_the_one_that_is_named()
    {
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), """{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}}""");
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(_folder);
        string[] texts = [.. Enumerable.Range(0, 2000).Select(i => i is 700 or 900 or 1999 ? $"unknown{i}" : "a")];
        TokenizationException alone = Assert.Throws<TokenizationException>(() => tokenizer.Encode(texts[700]));
        for (int i = 0; i < 20; i++) Assert.Equal(alone.Message, Assert.Throws<TokenizationException>(() => tokenizer.EncodeAll(texts)).Message);
        Assert.Equal(2, tokenizer.EncodeAll(["a", "a"]).Count);
    }

    [Fact]
    public void Null_and_cancellation_are_what_they_are()
    {
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), """{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}""");
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(_folder);
        Assert.Contains("texts[1]", Assert.Throws<ArgumentException>(() => tokenizer.EncodeAll(["a", null!])).Message, StringComparison.Ordinal);
        Assert.ThrowsAny<OperationCanceledException>(() => tokenizer.EncodeAll(["a", "a"], cancellation: new CancellationToken(true)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(int.MaxValue)]
    public void A_token_that_is_not_there_is_refused(int index)
    {
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), """{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}""");
        TokenizedText text = PretrainedTokenizer.Load(_folder).Encode("a");
        Assert.Equal("a", text.Token(0));
        Assert.Contains("there are 1 tokens", Assert.Throws<ArgumentOutOfRangeException>(() => text.Token(index)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(int.MaxValue, 1, "length")]
    [InlineData(1, int.MaxValue, "MultipleOf")]
    [InlineData((1 << 24) - 1, 11, "tokens")]
    public void Padding_beyond_reason_is_refused_before_rows_are_made(int length, int multipleOf, string named)
    {
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), """{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}""");
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(_folder);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.Throws<ArgumentOutOfRangeException>(() =>
            tokenizer.EncodeAll(["a"], padding: new PaddingOptions { Length = length, MultipleOf = multipleOf, PadId = 0 }));
        Assert.Contains(named == "length" ? "16,777,216 are the most" : named, refused.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }
}
