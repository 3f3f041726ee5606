using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>Makes a search's prompts of ids and masks.</summary>
internal static class PromptRows
{
    /// <summary>The prompts of a decoder.</summary>
    /// <param name="ids">[rows][columns]: equally long.</param>
    /// <param name="mask">The same shape, false where a token is padding; null: it is inferred from the padding token, where that is no end token.</param>
    /// <param name="pad">The padding token; null: there is none.</param>
    /// <param name="endTokens">The tokens that end a text.</param>
    /// <exception cref="ArgumentException">There are no rows, they are not equally long, or one has no token that is not padding.</exception>
    public static IReadOnlyList<SearchPrompt> ForDecoder(IReadOnlyList<int[]> ids, IReadOnlyList<bool[]>? mask, int? pad, IReadOnlyList<int> endTokens)
    {
        int width = Width(ids);
        if (mask is not null && (mask.Count != ids.Count || mask.Any(row => row.Length != width)))
        {
            throw new ArgumentException($"the mask has not the shape of the ids: [{ids.Count}][{width}]", nameof(mask));
        }
        bool infers = mask is null && pad is { } token && !endTokens.Contains(token);
        var prompts = new SearchPrompt[ids.Count];
        for (int row = 0; row < prompts.Length; row++)
        {
            bool[]? kept = mask?[row] ?? (infers ? [.. ids[row].Select(id => id != pad)] : null);
            int padding = kept is null ? 0 : Array.IndexOf(kept, true);
            if (padding < 0)
            {
                throw new ArgumentException($"row {row} of the prompts is padding alone: give it a token, for example the one that begins a text", nameof(ids));
            }
            int[] tokens = ids[row];
            if (kept is not null && Array.IndexOf(kept, false, padding) >= 0)
            {
                // Padding behind or inside a prompt would stand between it and what follows: it moves to the front.
                int[] own = [.. tokens.Where((_, column) => kept[column])];
                padding = width - own.Length;
                tokens = [.. Enumerable.Repeat(pad ?? 0, padding), .. own];
            }
            prompts[row] = new(row, tokens, padding, tokens);
        }
        return prompts;
    }

    /// <summary>The prompts of an encoder-decoder: what its decoder begins with.</summary>
    /// <param name="source">[rows][columns]: the encoder's input, padded on the right.</param>
    /// <param name="prefix">[rows][columns]: what the decoder's text begins with, equally long; null: the start token.</param>
    /// <param name="start">The token that a decoder begins with; it is put before the prefixes where none of them begins with it.</param>
    /// <exception cref="InvalidOptionsException">There is no start token.</exception>
    /// <exception cref="ArgumentException">There are no rows, or not equally many, or they are not equally long.</exception>
    public static IReadOnlyList<SearchPrompt> ForEncoderDecoder(IReadOnlyList<int[]> source, IReadOnlyList<int[]>? prefix, int? start)
    {
        Width(source);
        if (prefix is not null)
        {
            Width(prefix);
            if (prefix.Count != source.Count)
            {
                throw new ArgumentException($"there are {prefix.Count} prefixes for {source.Count} inputs of the encoder", nameof(prefix));
            }
            if (prefix.Any(row => row[0] == start)) return [.. prefix.Select((row, i) => new SearchPrompt(i, row, 0, source[i]))];
        }
        if (start is null or < 0)
        {
            throw new InvalidOptionsException(["DecoderStartTokenId and BosTokenId are not set: a decoder needs a token to begin with"]);
        }
        return [.. source.Select((row, i) => new SearchPrompt(i, [start.Value, .. prefix?[i] ?? []], 0, row))];
    }

    private static int Width(IReadOnlyList<int[]> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("there are no rows", nameof(rows));
        int width = rows[0].Length;
        if (width == 0) throw new ArgumentException("a row is empty: it has one token or more", nameof(rows));
        return rows.All(row => row.Length == width) ? width : throw new ArgumentException("rows are not equally long: pad them", nameof(rows));
    }
}
