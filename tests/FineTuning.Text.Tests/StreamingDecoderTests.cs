using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Decoders that no published checkpoint has, where what comes later can change what came before.</summary>
public sealed class StreamingDecoderTests
{
    // The bytes of A with tilde and of the copyright sign, then a space: read as bytes again the two are an e with acute, unless something else stands beside them.
    private static readonly string[] Tokens = ["\u00C3\u0125", "\u00C2\u00A9", "\u0120", "\u0120\u00C3\u0125\u00C2\u00A9", "x", "\u00C3\u0125x"];

    private static readonly FineTuning.Text.Decoder Bytes = new ByteLevelDecoder();

    private static IReadOnlyList<FineTuning.Text.Decoder> Chain(string name) => name switch
    {
        "bytes twice" => [Bytes, Bytes],
        "bytes twice, within a chain" => [new SequenceDecoder([Bytes]), new SequenceDecoder([Bytes, new WordPieceDecoder("##", true)])],
        "replaced behind bytes" => [Bytes, new ReplaceDecoder(SplitPattern.Literal("\u00C3\u00A9"), "e")],
        "replaced behind one token" => [new FuseDecoder(), new ReplaceDecoder(SplitPattern.Literal("\u0125\u00C2"), "-")],
        "a suffix" => [new SuffixDecoder("x")],
        "a suffix within a token" => [new SuffixDecoder("\u0120")],
        "a suffix, replaced" => [new SuffixDecoder("x"), new ReplaceDecoder(SplitPattern.Literal("\u0125 "), "-")],
        "bytes" => [Bytes],
        _ => [Bytes, new StripDecoder(new(' '), 1, 0)],
    };

    [Theory]
    [InlineData("bytes twice")]
    [InlineData("bytes twice, within a chain")]
    [InlineData("replaced behind bytes")]
    [InlineData("replaced behind one token")]
    [InlineData("a suffix")]
    [InlineData("a suffix within a token")]
    [InlineData("a suffix, replaced")]
    [InlineData("bytes")]
    [InlineData("bytes and a strip")]
    public void Every_order_of_tokens_gives_what_decoding_all_gives(string chain)
    {
        PretrainedTokenizer tokenizer = Tokenizer(Chain(chain));
        for (int number = 0; number < 1296; number++)
        {
            int[] ids = [number % 6, number / 6 % 6, number / 36 % 6, number / 216];
            var stream = new StreamingDecoder(tokenizer);
            Assert.Equal(tokenizer.Decode(ids), string.Concat(ids.Select(stream.Append)) + stream.Complete());
        }
    }

    [Fact]
    public void Bytes_come_as_soon_as_they_are_a_character()
    {
        var stream = new StreamingDecoder(Tokenizer([Bytes]));
        Assert.Equal(["\u00C3", "\u00A9", " ", "x"], new[] { 0, 1, 2, 4 }.Select(stream.Append));
    }

    // Text that is all spaces, none, or bytes that are no character: the window must not grow, or what is decoded again and again takes quadratic time.
    [Theory]
    [InlineData("spaces", "x", 1)]
    [InlineData("nothing", "x", 1)]
    [InlineData("bytes", "\u0122", 1)]
    [InlineData("bytes", "\u00C3\u0125", 1)]
    [InlineData("bytes", "\u00C3", 1)]
    [InlineData("bytes", "x", 1)]
    [InlineData("nothing", "x", 40)]
    [InlineData("nothing", "x", 1000)]
    public void Long_outputs_take_linear_time(string chain, string token, int period)
    {
        const int count = 4000;
        string[] tokens = [token, "y"];
        var tokenizer = new PretrainedTokenizer(new TokenizerParts
        {
            Model = new WordLevelModel(tokens.Select((entry, id) => KeyValuePair.Create(entry, id)).ToDictionary(StringComparer.Ordinal), token),
            Decoder = new SequenceDecoder(chain == "bytes" ? [Bytes] : [new ReplaceDecoder(SplitPattern.Literal("x"), chain == "spaces" ? " " : ""), new FuseDecoder(), new StripDecoder(new(' '), 1, 0)]),
        });
        int[] ids = [.. Enumerable.Range(1, count).Select(place => period > 1 && place % period == 0 ? 1 : 0)];
        string Streamed(int[] some)
        {
            var stream = new StreamingDecoder(tokenizer);
            return string.Concat(some.Select(stream.Append)) + stream.Complete();
        }
        Streamed(ids[..100]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string text = Streamed(ids);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(tokenizer.Decode(ids), text);
        // Each token is decoded with the window before it, some sixteen tokens; all of those before it would be two thousand on average.
        Assert.True(bytes < 8_000L * count, $"{bytes / count} bytes a token");
    }

    private static PretrainedTokenizer Tokenizer(IReadOnlyList<FineTuning.Text.Decoder> chain) => new(new TokenizerParts
    {
        Model = new WordLevelModel(Tokens.Select((token, id) => KeyValuePair.Create(token, id)).ToDictionary(StringComparer.Ordinal), "x"),
        Decoder = new SequenceDecoder(chain),
    });
}
