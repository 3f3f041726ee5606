namespace FineTuning.Tasks;

/// <summary>Rows and batches that a model made itself: those of another model are refused by name, not by a cast.</summary>
internal static class OwnRows
{
    /// <summary>The most tokens of a batch, padding included.</summary>
    private const long MostTokens = 1 << 23;

    /// <summary>A row as what it is.</summary>
    /// <exception cref="ArgumentException">It is null, or another model's.</exception>
    public static TRow Of<TRow>(EncodedRow row)
        where TRow : EncodedRow => row as TRow ?? throw Foreign(row, typeof(TRow), "rows");

    /// <summary>A batch as what it is.</summary>
    /// <exception cref="ArgumentException">It is null, or another model's.</exception>
    public static TBatch Batch<TBatch>(Batch batch)
        where TBatch : Batch => batch as TBatch ?? throw Foreign(batch, typeof(TBatch), nameof(batch));

    /// <summary>How many tokens a batch has for its rows; at least the longest row.</summary>
    /// <exception cref="ArgumentException">A row is null or longer, or all together are too large.</exception>
    public static void CheckLength(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        Errors.NullMembers.RequireEntries(rows, nameof(rows));
        foreach (EncodedRow row in rows)
        {
            if (row.Length > paddedLength)
                throw new ArgumentException($"a row has {row.Length} tokens, which {paddedLength} do not hold", nameof(paddedLength));
        }
        if (rows.Count * (long)paddedLength > MostTokens)
        {
            throw new ArgumentException(
                $"{rows.Count} rows of {paddedLength} tokens are more than the {MostTokens:N0} that a batch holds", nameof(paddedLength));
        }
    }

    private static ArgumentException Foreign(object? given, Type expected, string argument) => given is null
        ? new ArgumentNullException(argument)
        : new ArgumentException($"it is a {given.GetType().Name}, which this model did not make; a {expected.Name} was expected", argument);
}
