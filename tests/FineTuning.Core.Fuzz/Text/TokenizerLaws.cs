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

    /// <summary>The windows of a text are its tokens from place to place, each so far into the one before, and the last ends where the text does; each as often as the template names the text.</summary>
    public static void Covers(PretrainedTokenizer tokenizer, string text, TokenizingOptions options, TokenizedText whole)
    {
        TokenizedText first = tokenizer.Encode(text, null, options);
        int copies = tokenizer.Parts.Template.Single.Count(part => part.Sequence >= 0);
        int[] all = Own(whole, copies);
        int room = options.MaximumLength!.Value - (whole.Ids.Length - (copies * all.Length));
        if (room < 0 || all.Length <= room)
        {
            if (!Own(first, copies).SequenceEqual(all) || first.Overflow.Count > 0) throw new BrokenLawException("a text that fits was cut");
            return;
        }
        int step = room - options.Stride, place = 0, end = 0;
        foreach (TokenizedText window in first.Overflow.Prepend(first))
        {
            Hold(tokenizer, window, text);
            int length = room == 0 ? place * all.Length : Math.Min(room, all.Length - (place * step)), from = place * step;
            int[] expected = options.TruncateLeft == true && room > 0 ? all[(all.Length - from - length)..(all.Length - from)] : room == 0 ? all[..length] : all[from..(from + length)];
            if (!Own(window, copies).SequenceEqual(expected)) throw new BrokenLawException($"window {place} is not the text's tokens from {from} on");
            end = from + length;
            place++;
        }
        if (end < all.Length) throw new BrokenLawException($"the windows end at token {end} of {all.Length}");
    }

    private static int[] Own(TokenizedText row, int copies)
    {
        int[] own = [.. row.Ids.Where((_, i) => row.SequenceIds[i] >= 0)], once = own[..(own.Length / copies)];
        return own.SequenceEqual(Enumerable.Repeat(once, copies).SelectMany(ids => ids)) ? once : throw new BrokenLawException($"a text that the template names {copies} times has {own.Length} tokens, which do not repeat");
    }
}
