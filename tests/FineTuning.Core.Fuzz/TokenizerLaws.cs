using FineTuning.Text;

namespace FineTuning.Fuzz;

/// <summary>What holds for every tokenizer and every text.</summary>
internal static class TokenizerLaws
{
    /// <summary>All arrays are equally long, and every span lies in the text.</summary>
    public static void Hold(PretrainedTokenizer tokenizer, TokenizedText row, string text)
    {
        int count = row.Ids.Length;
        if (row.Starts.Length != count || row.Ends.Length != count || row.WordIds.Length != count || row.TypeIds.Length != count || row.SequenceIds.Length != count || row.Special.Length != count)
        {
            throw new BrokenLawException("arrays of different lengths");
        }
        for (int i = 0; i < count; i++)
        {
            if (row.Starts[i] < 0 || row.Ends[i] > text.Length || row.Starts[i] > row.Ends[i]) throw new BrokenLawException($"token {i} spans {row.Starts[i]}-{row.Ends[i]} of {text.Length} characters");
            if (row.SequenceIds[i] >= 0 && tokenizer.Token(row.Ids[i]) is null) throw new BrokenLawException($"the id {row.Ids[i]} has no token");
        }
    }

    /// <summary>Decoding ends, and the streaming decoder gives the same text.</summary>
    public static void Decodes(PretrainedTokenizer tokenizer, TokenizedText row)
    {
        foreach (bool skip in new[] { false, true })
        {
            string whole = tokenizer.Decode(row.Ids, skip);
            var stream = new StreamingDecoder(tokenizer, skip);
            string pieces = string.Concat(row.Ids.Select(stream.Append)) + stream.Complete();
            if (pieces != whole) throw new BrokenLawException($"decoded at once '{whole}', one by one '{pieces}'");
        }
    }

    /// <summary>The windows of a text hold all its tokens.</summary>
    public static void Covers(PretrainedTokenizer tokenizer, string text, TokenizingOptions options, TokenizedText whole)
    {
        TokenizedText first = tokenizer.Encode(text, null, options);
        var found = new HashSet<(int, int, int)>();
        foreach (TokenizedText window in first.Overflow.Prepend(first))
        {
            Hold(tokenizer, window, text);
            for (int i = 0; i < window.Ids.Length; i++) found.Add((window.Ids[i], window.Starts[i], window.Ends[i]));
        }
        for (int i = 0; i < whole.Ids.Length; i++)
        {
            if (!found.Contains((whole.Ids[i], whole.Starts[i], whole.Ends[i]))) throw new BrokenLawException($"token {i} is in no window");
        }
    }
}
