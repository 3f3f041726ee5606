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
        int[] lengths = [.. texts.Select(text => text.Length)];
        return [.. Packing.Rows(lengths, capacity, strategy).Select(parts => CausalRow.Joined(
            [.. parts.Select(part => ((CausalRow)texts[part.Text]).Part(part.Start, part.Length))], separate: strategy != PackingStrategy.Wrapped))];
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
}
