using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>A prompt with a completion and its label.</summary>
/// <param name="row">The completion is learned.</param>
/// <param name="isDesirable">The label.</param>
internal sealed class LabeledRow(CausalRow row, bool isDesirable) : EncodedRow(row.Length), IReferencedRow
{
    private UInt128? _key;

    public CausalRow Row { get; } = row;

    public bool IsDesirable { get; } = isDesirable;

    /// <summary>The row's prompt with the completion of another row: how the model's drift is measured. Null: nobody asks.</summary>
    public CausalRow? Mismatch { get; private set; }

    public UInt128 Key => _key ??= ReferenceScores.KeyOf(Row, Mismatch);

    private int PromptLength => Array.IndexOf(Row.Learned, true);

    /// <summary>Whether both have the same prompt.</summary>
    public bool SharesPrompt(LabeledRow other) => Row.TokenIds.AsSpan(0, PromptLength).SequenceEqual(other.Row.TokenIds.AsSpan(0, other.PromptLength));

    /// <summary>Sets <see cref="Mismatch"/>, before the row is used.</summary>
    /// <param name="other">Whose completion is taken.</param>
    /// <param name="maximumLength">Tokens of a row.</param>
    public void Meet(LabeledRow other, int maximumLength)
    {
        int own = PromptLength, theirs = other.PromptLength;
        int[] ids = [.. Row.TokenIds.AsSpan(0, own), .. other.Row.TokenIds.AsSpan(theirs)];
        bool[] learned = [.. Row.Learned.AsSpan(0, own), .. other.Row.Learned.AsSpan(theirs)];
        int length = Math.Min(ids.Length, maximumLength);
        (Mismatch, _key) = (new(ids[..length], learned[..length]), null);
    }

    /// <summary>
    /// Lets each row meet the completion of the last row before it that has another prompt, going round from the first to the last; where all have one prompt,
    /// of the row before it.
    /// </summary>
    /// <param name="rows">At least two.</param>
    /// <param name="maximumLength">Tokens of a row.</param>
    /// <param name="block">Rows that meet each other: the first such many, the next such many. Null: all.</param>
    public static void MeetOthers(IReadOnlyList<LabeledRow> rows, int maximumLength, int? block = null)
    {
        for (int first = 0; first < rows.Count; first += block ?? rows.Count)
        {
            int count = Math.Min(block ?? rows.Count, rows.Count - first);
            for (int i = 0; i < count; i++)
            {
                int back = 1;
                while (back < Math.Min(count, 64) && rows[first + i].SharesPrompt(rows[first + ((i + count - back) % count)])) back++;
                if (back >= Math.Min(count, 64)) back = 1;
                rows[first + i].Meet(rows[first + ((i + count - back) % count)], maximumLength);
            }
        }
    }
}
