using FineTuning.Batching;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>Encoded texts into rows that several share.</summary>
internal static class CausalPacking
{
    /// <summary>The rows of a whole data set.</summary>
    /// <param name="texts">Rows that are all <see cref="CausalRow"/>s of one text.</param>
    /// <param name="capacity">Tokens of a row.</param>
    /// <param name="strategy">How they share rows; None and PaddingFree leave the texts as they are,
    /// since nothing is packed before batches are planned.</param>
    public static IReadOnlyList<EncodedRow> Rows(IReadOnlyList<EncodedRow> texts, int capacity, PackingStrategy strategy)
    {
        if (strategy is PackingStrategy.None or PackingStrategy.PaddingFree) return texts;
        return [.. strategy == PackingStrategy.Wrapped ? Wrapped(texts, capacity) : BestFit(texts, [.. texts.Select(text => text.Length)], capacity, strategy)];
    }

    /// <summary>The rows of whole or split texts, one after another.</summary>
    /// <param name="texts">Rows that are all <see cref="CausalRow"/>s of one text; each is asked for when its row is made.</param>
    /// <param name="lengths">Of all of them: what decides which share a row.</param>
    /// <param name="capacity">Tokens of a row.</param>
    /// <param name="strategy">Whole or Split.</param>
    public static IEnumerable<EncodedRow> BestFit(IReadOnlyList<EncodedRow> texts, IReadOnlyList<int> lengths, int capacity, PackingStrategy strategy) =>
        Packing.Rows(lengths, capacity, strategy).Select(parts => CausalRow.Joined([.. parts.Select(part => Part(texts[part.Text], part))], separate: true));

    /// <summary>The rows of texts that follow each other, one after another.</summary>
    /// <param name="texts">Rows that are all <see cref="CausalRow"/>s of one text; those of one row are there at once.</param>
    /// <param name="capacity">Tokens of a row.</param>
    public static IEnumerable<EncodedRow> Wrapped(IEnumerable<EncodedRow> texts, int capacity)
    {
        var open = new Queue<EncodedRow>();
        int first = 0;
        foreach (IReadOnlyList<TextPart> parts in Packing.Wrapped(texts.Select(Opened), capacity))
        {
            CausalRow[] pieces = new CausalRow[parts.Count];
            for (int i = 0; i < pieces.Length; i++)
            {
                for (; first < parts[i].Text; first++) open.Dequeue();
                pieces[i] = Part(open.Peek(), parts[i]);
            }
            yield return CausalRow.Joined(pieces, separate: false);
        }

        int Opened(EncodedRow text)
        {
            open.Enqueue(text);
            return text.Length;
        }
    }

    /// <summary>
    /// How many learned tokens packing leaves without a token before them: the first of each piece of a text that is split. With Wrapped, a text's first token
    /// follows the text before it, and only the first of a row is lost, which depends on the other texts.
    /// </summary>
    /// <param name="row">A text.</param>
    /// <param name="capacity">Tokens of a row.</param>
    /// <param name="strategy">How texts share rows.</param>
    public static int LostAtPieces(CausalRow row, int capacity, PackingStrategy strategy)
    {
        if (strategy != PackingStrategy.Split) return 0;
        int lost = 0;
        for (int start = capacity; start < row.Length; start += capacity)
        {
            if (row.Learned[start]) lost++;
        }
        return lost;
    }

    private static CausalRow Part(EncodedRow text, TextPart part) => OwnRows.Of<CausalRow>(text).Part(part.Start, part.Length);
}
