using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>Two completions, each with its prompt.</summary>
/// <param name="chosen">The better one.</param>
/// <param name="rejected">The worse one.</param>
/// <param name="margin">By how much the reward of the first should be higher. Null: not given.</param>
internal sealed class RewardRow(TokenizedRow chosen, TokenizedRow rejected, double? margin)
    : EncodedRow(checked(2 * Math.Max(chosen.Length, rejected.Length)))
{
    public TokenizedRow Chosen { get; } = chosen;

    public TokenizedRow Rejected { get; } = rejected;

    public double? Margin { get; } = margin;

    internal override void Write(RowWriter writer)
    {
        Chosen.Write(writer);
        Rejected.Write(writer);
        writer.OptionalReal(Margin);
    }

    internal static RewardRow Read(ref RowReader reader) => new(TokenizedRow.Read(ref reader), TokenizedRow.Read(ref reader), reader.OptionalReal());
}

/// <summary>The chosen rows, then the rejected ones, padded on the right to one width.</summary>
internal sealed class RewardBatch(IReadOnlyList<EncodedRow> rows, int paddedLength, TrunkInput input) : Batch(rows, paddedLength)
{
    /// <summary>[2 pairs, width]</summary>
    public TrunkInput Input { get; } = input;

    /// <inheritdoc/>
    public override long RealTokens { get; } = rows.Cast<RewardRow>().Sum(row => (long)row.Chosen.Length + row.Rejected.Length);
}
