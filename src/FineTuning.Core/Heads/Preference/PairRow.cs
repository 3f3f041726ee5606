using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>A prompt with each of two completions.</summary>
/// <param name="chosen">The better one; its completion is learned.</param>
/// <param name="rejected">The worse one; its completion is learned.</param>
/// <param name="margin">By how much the reward of the first should be higher. Null: not given.</param>
internal sealed class PairRow(CausalRow chosen, CausalRow rejected, double? margin)
    : EncodedRow(checked(2 * Math.Max(chosen.Length, rejected.Length))), IReferencedRow
{
    private UInt128? _key;

    public CausalRow Chosen { get; } = chosen;

    public CausalRow Rejected { get; } = rejected;

    public double? Margin { get; } = margin;

    public UInt128 Key => _key ??= ReferenceScores.KeyOf(Chosen, Rejected);
}
