using System.Buffers;
using FineTuning.Text;
using Microsoft.ML.Tokenizers;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>The adapter gives what the tokenizer gives, in the other library's terms.</summary>
public sealed class MicrosoftTokenizerTests
{
    private const string Text = "The café's parcel hasn't arrived — 3 weeks!";

    private static readonly PretrainedTokenizer Ours = PretrainedTokenizer.Load(Goldens.Starter);

    [Fact]
    public void Ids_tokens_and_offsets_are_the_same()
    {
        Tokenizer adapter = Ours.AsTokenizer();
        TokenizedText expected = Ours.Encode(Text, null, new TokenizingOptions { AddSpecialTokens = false });
        Assert.Equal(expected.Ids, adapter.EncodeToIds(Text));
        Assert.Equal(expected.Ids.Length, adapter.CountTokens(Text));
        IReadOnlyList<EncodedToken> tokens = adapter.EncodeToTokens(Text, out string? normalized);
        Assert.Equal(Text, normalized);
        Assert.Equal(expected.Starts.Zip(expected.Ends, (start, end) => start..end), tokens.Select(token => token.Offset));
        Assert.Equal(Ours.Decode(expected.Ids, skipSpecialTokens: false), adapter.Decode(expected.Ids));
    }

    [Fact]
    public void A_text_is_cut_at_a_number_of_tokens()
    {
        Tokenizer adapter = Ours.AsTokenizer();
        TokenizedText whole = Ours.Encode(Text, null, new TokenizingOptions { AddSpecialTokens = false });
        for (int count = 1; count < whole.Ids.Length; count++)
        {
            Assert.Equal(whole.Ids[..count], adapter.EncodeToIds(Text, count, out _, out int consumed));
            Assert.Equal(whole.Ends[count - 1], consumed);
        }
    }

    [Fact]
    public void Decoding_into_a_small_buffer_goes_on_where_it_stopped()
    {
        Tokenizer adapter = Ours.AsTokenizer();
        int[] ids = [.. adapter.EncodeToIds("parcel billing account")];
        Span<char> buffer = stackalloc char[8];
        Assert.Equal(OperationStatus.DestinationTooSmall, adapter.Decode(ids, buffer, out int used, out int written));
        Assert.Equal(Ours.Decode(ids.AsSpan(0, used), skipSpecialTokens: false), buffer[..written].ToString());
        Assert.InRange(written, 1, 8);
    }

    [Fact]
    public void Half_a_pipeline_is_refused() => Assert.Throws<NotSupportedException>(() => Ours.AsTokenizer().EncodeToIds(Text, considerPreTokenization: false));
}
