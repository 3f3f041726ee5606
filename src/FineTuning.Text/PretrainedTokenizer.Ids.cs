using System.Buffers;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <content>Ids alone.</content>
public sealed partial class PretrainedTokenizer
{
    /// <summary>The ids of a text alone: what <see cref="Encode"/> gives as <see cref="TokenizedText.Ids"/>, for a fraction of its time.</summary>
    /// <param name="text">Any text; lone surrogates count as U+FFFD.</param>
    /// <param name="addSpecialTokens">Whether the template's tokens stand around the text.</param>
    /// <returns>All ids: nothing is cut.</returns>
    /// <exception cref="TokenizationException">The text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files
    /// takes more than linear time on it.</exception>
    public int[] EncodeIds(ReadOnlySpan<char> text, bool addSpecialTokens = true)
    {
        // A text rarely has more tokens than characters; where it has, the buffer grows.
        for (int size = Math.Max(64, text.Length + 16); ; size *= 2)
        {
            int[] buffer = ArrayPool<int>.Shared.Rent(size);
            try
            {
                if (TryEncodeIds(text, buffer, out int count, addSpecialTokens)) return buffer.AsSpan(0, count).ToArray();
            }
            finally
            {
                ArrayPool<int>.Shared.Return(buffer);
            }
        }
    }

    /// <summary>
    /// Writes the ids of a text into a buffer of the caller; see <see cref="EncodeIds"/>. Allocates nothing for words that it has seen before.
    /// </summary>
    /// <param name="text">Any text; lone surrogates count as U+FFFD.</param>
    /// <param name="ids">Where they go.</param>
    /// <param name="count">How many were written; 0 where they do not fit.</param>
    /// <param name="addSpecialTokens">Whether the template's tokens stand around the text.</param>
    /// <returns>False: they do not fit, and what stands in the buffer means nothing.</returns>
    /// <exception cref="TokenizationException">The text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files
    /// takes more than linear time on it.</exception>
    public bool TryEncodeIds(ReadOnlySpan<char> text, Span<int> ids, out int count, bool addSpecialTokens = true)
    {
        count = 0;
        if (_repeatsText)
        {
            // A template that puts a text in twice is the only one whose ids are not those before, the text's and those after.
            int[] whole = Encode(text.ToString(), null, addSpecialTokens ? Whole : ChatEncoding.Bare).Ids;
            if (whole.AsSpan().TryCopyTo(ids)) count = whole.Length;
            return whole.Length <= ids.Length;
        }
        int[] before = addSpecialTokens ? _before : [], after = addSpecialTokens ? _after : [];
        if (ids.Length < before.Length + after.Length) return false;
        before.CopyTo(ids);
        int found = WriteIds(text, ids[before.Length..^after.Length]);
        if (found == BertIdEncoder.DoesNotFit) return false;
        after.CopyTo(ids[(before.Length + found)..]);
        count = before.Length + found + after.Length;
        return true;
    }

    // BERT's pipeline is walked in one pass where no added token may stand in the text; added tokens that are sought in the normalized text need that text.
    private int WriteIds(ReadOnlySpan<char> text, Span<int> ids)
    {
        Workspace workspace = Workspace.Rent();
        int count = BertIdEncoder.NeedsPipeline;
        if (_normalized.IsEmpty && !_raw.MayOccur(text) && _idEncoder.Value is { } encoder) count = encoder.Encode(text, ids, workspace.Tokens);
        if (count == BertIdEncoder.NeedsPipeline)
        {
            int word = 0;
            AddText(workspace, workspace.First, text, Whole, byWord: false, ref word);
            workspace.EndTexts();
            Span<int> found = workspace.First.Ids;
            count = found.TryCopyTo(ids) ? found.Length : BertIdEncoder.DoesNotFit;
        }
        workspace.Return();
        return count;
    }
}
