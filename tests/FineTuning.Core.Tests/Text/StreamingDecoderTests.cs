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

    private static PretrainedTokenizer Tokenizer(IReadOnlyList<FineTuning.Text.Decoder> chain) => new(new TokenizerParts
    {
        Model = new WordLevelModel(Tokens.Select((token, id) => KeyValuePair.Create(token, id)).ToDictionary(StringComparer.Ordinal), "x"),
        Decoder = new SequenceDecoder(chain),
    });
}
