using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Texts that are long, odd, or many: bounded time and memory, whatever the pipeline.</summary>
public sealed class TokenizerLoadTests
{
    private const int Length = 60_000;

    public static TheoryData<string> Pipelines() => TokenizerFolders.Names();

    private static IEnumerable<string> Adversarial(PretrainedTokenizer tokenizer, int length)
    {
        string Repeat(string part) => string.Concat(Enumerable.Repeat(part, length / part.Length));
        yield return Repeat("a");
        yield return Repeat(" ");
        yield return Repeat("ab");
        yield return Repeat("'s");
        yield return Repeat("a ");
        yield return Repeat(" \n");
        yield return Repeat("1");
        yield return Repeat("\u0301");
        yield return Repeat("\U0001F469\u200D");
        yield return Repeat("\u4E2D");
        yield return Repeat("\0");
        if (tokenizer.Parts.AddedTokens is [var token, ..]) yield return Repeat(token.Content[..1]);
    }

    // What is more than linear does not end in a test's lifetime on texts of this length repeated over all pipelines; memory is counted.
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Memory_grows_with_the_text_and_no_faster(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        using IEnumerator<string> once = Adversarial(tokenizer, Length).GetEnumerator(), twice = Adversarial(tokenizer, 2 * Length).GetEnumerator();
        while (once.MoveNext() && twice.MoveNext())
        {
            // Every character has its part of the tokens' arrays and of the buffers that find them, and no more, however long the text is. (Buffers that are
            // still there from the text before make the shorter one cheaper, so the two are not compared with each other.)
            foreach (string text in new[] { once.Current, twice.Current })
            {
                long bytes = Bytes(tokenizer, text);
                Assert.True(bytes < 1000L * text.Length, $"'{text[..2]}...', {text.Length} characters: {bytes / text.Length} bytes a character");
            }
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Half_a_surrogate_pair_counts_as_the_replacement_character(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        foreach (string text in TokenizerFolders.Texts(tokenizer, name, 40))
        {
            foreach (string half in new[] { "\uD800", "\uDFFF", "\uDC00\uD800" })
            {
                string torn = text.Insert(text.Length / 2, half), whole = string.Concat(torn.EnumerateRunes().Select(rune => rune.ToString()));
                TokenizedText? found = TokenizerFolders.Encode(tokenizer, torn), expected = TokenizerFolders.Encode(tokenizer, whole);
                Assert.Equal(expected?.Ids, found?.Ids);
                Assert.Equal(expected?.Starts, found?.Starts);
            }
        }
    }

    // The rows themselves, and nothing for each token besides: no strings, no lists, no closures.
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void A_text_seen_before_takes_the_memory_of_its_result(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        string[] texts = ["The quick brown fox jumps over the lazy dog, and it's 12,345 times as quick.", "Größe \u4E2D\u56FD \u0915\u094D\u0937 na\u00EFve caf\u00E9! \u00BD \uFF21", "a b c d e f g h i j k l m n o p q r s t u v w x y z"];
        foreach (string text in texts.Select(text => string.Join(' ', Enumerable.Repeat(text, 12))))
        {
            // What has no token is given as the text it was, which is a string for each.
            if (TokenizerFolders.Encode(tokenizer, text) is not { } row || Enumerable.Range(0, row.Ids.Length).Any(i => row.Token(i) != tokenizer.Token(row.Ids[i]))) continue;
            for (int i = 0; i < 3; i++) tokenizer.Encode(text);
            // The least of a few: the runtime itself allocates now and then on any thread.
            long bytes = Enumerable.Range(0, 5).Min(_ => Bytes(tokenizer, text));
            Assert.True(bytes <= (10L * row.Ids.Length) + 512, $"{bytes} bytes for {row.Ids.Length} tokens of '{text[..20]}...'");
        }
    }

    [Fact]
    public void Many_texts_come_back_in_their_order_from_any_number_of_threads()
    {
        foreach (string name in TokenizerFolders.Names().Select(row => row.Data).Take(12))
        {
            PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
            string[] texts = [.. TokenizerFolders.Texts(tokenizer, name, 200).Where(text => TokenizerFolders.Encode(tokenizer, text) is not null)];
            PretrainedTokenizer fresh = TokenizerFolders.Load(name);
            IReadOnlyList<TokenizedText> rows = fresh.EncodeAll(texts);
            for (int i = 0; i < texts.Length; i++)
            {
                Assert.Equal(tokenizer.Encode(texts[i]).Ids, rows[i].Ids);
                Assert.Equal(tokenizer.Encode(texts[i]).Starts, rows[i].Starts);
            }
        }
    }

    [Fact]
    public void Cancelled_work_ends()
    {
        string? name = TokenizerFolders.Names().Select(row => row.Data).FirstOrDefault();
        if (name is null) Assert.Skip("there are no tokenizer goldens");
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name!);
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => tokenizer.EncodeAll(["a", "b"], cancellation: source.Token));
    }

    private static long Bytes(PretrainedTokenizer tokenizer, string text)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            tokenizer.Encode(text);
        }
        catch (TokenizationException)
        {
            // There is no token for it.
        }
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
