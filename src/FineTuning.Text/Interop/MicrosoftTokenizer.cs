using System.Buffers;
using Microsoft.ML.Tokenizers;

namespace FineTuning.Text;

/// <summary>A checkpoint's tokenizer where code expects one of Microsoft.ML.Tokenizers: chunkers, token counters, chat clients.</summary>
/// <remarks>
/// Immutable and thread-safe. A text's own tokens only: what a template adds around them has no position in the text. Offsets are into the original
/// text, which is also what is given as the normalized text.
/// </remarks>
internal sealed class MicrosoftTokenizer(PretrainedTokenizer tokenizer) : Tokenizer
{
    private static readonly TokenizingOptions Bare = new() { AddSpecialTokens = false };

    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int[] all = [.. ids];
        string text = tokenizer.Decode(all, skipSpecialTokens: false);
        if (text.Length <= destination.Length)
        {
            text.CopyTo(destination);
            (idsConsumed, charsWritten) = (all.Length, text.Length);
            return OperationStatus.Done;
        }
        // The longest run of ids whose text fits: the caller empties the buffer and goes on from there.
        int low = 0, high = all.Length;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (tokenizer.Decode(all.AsSpan(0, middle), skipSpecialTokens: false).Length <= destination.Length) low = middle;
            else high = middle - 1;
        }
        text = tokenizer.Decode(all.AsSpan(0, low), skipSpecialTokens: false);
        text.CopyTo(destination);
        (idsConsumed, charsWritten) = (low, text.Length);
        return OperationStatus.DestinationTooSmall;
    }

    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return tokenizer.Decode([.. ids], skipSpecialTokens: false);
    }

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (!settings.ConsiderNormalization || !settings.ConsiderPreTokenization)
        {
            throw new NotSupportedException("a checkpoint's tokenizer is exact only as a whole: leave considerNormalization and considerPreTokenization true");
        }
        string whole = text ?? textSpan.ToString();
        TokenizedText encoded = tokenizer.Encode(whole, null, Bare);
        int count = Math.Min(encoded.Ids.Length, settings.MaxTokenCount);
        var tokens = new EncodedToken[count];
        for (int i = 0; i < count; i++) tokens[i] = new(encoded.Ids[i], encoded.Token(i), encoded.Starts[i]..encoded.Ends[i]);
        int consumed = count == encoded.Ids.Length ? whole.Length : count == 0 ? 0 : encoded.Ends[count - 1];
        return new() { Tokens = tokens, NormalizedText = whole, CharsConsumed = consumed };
    }
}
