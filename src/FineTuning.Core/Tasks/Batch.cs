namespace FineTuning.Tasks;

/// <summary>Rows collated into tensors for one forward pass.</summary>
/// <remarks>Made and disposed by the loop on its own thread, inside a torch dispose scope. Heads derive their own batches with the tensors they need.</remarks>
/// <param name="rows">The rows, in order.</param>
/// <param name="paddedLength">Tokens a row after padding.</param>
public abstract class Batch(IReadOnlyList<EncodedRow> rows, int paddedLength)
{
    /// <summary>The rows, in order.</summary>
    public IReadOnlyList<EncodedRow> Rows { get; } = rows;

    /// <summary>Tokens a row after padding.</summary>
    public int PaddedLength { get; } = paddedLength;

    /// <summary>Tokens that are not padding: the sum of the rows' lengths, unless the batch knows better.</summary>
    public virtual long RealTokens { get; } = Present(rows).Sum(row => (long)row.Length);

    /// <summary>Tokens that are computed, padding included: those of rows of one length, unless the batch knows better.</summary>
    internal virtual long ComputedTokens => (long)PaddedLength * Rows.Count;

    /// <summary>What the sum of the losses is divided by: the sum of the rows' <see cref="EncodedRow.TargetCount"/>, unless the batch knows better.</summary>
    public virtual double TargetCount { get; } = rows.Sum(row => row.TargetCount);

    private static IReadOnlyList<EncodedRow> Present(IReadOnlyList<EncodedRow> rows)
    {
        Errors.NullMembers.RequireEntries(rows, nameof(rows));
        return rows;
    }
}
