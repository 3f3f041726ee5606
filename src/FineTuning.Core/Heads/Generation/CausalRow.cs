using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>Token ids of which some are learned, each from those before it; one text, or several that share the row and do not see each other.</summary>
internal sealed class CausalRow : EncodedRow
{
    /// <param name="ids">Token ids, at least one.</param>
    /// <param name="learned">Whether each token is to be learned, as many.</param>
    /// <param name="starts">Where each text of the row begins, rising from 0; null: there is one.</param>
    public CausalRow(int[] ids, bool[] learned, int[]? starts = null)
        : base(ids.Length)
    {
        if (learned.Length != ids.Length) throw new ArgumentException($"{learned.Length} tokens are learned or not; there are {ids.Length}", nameof(learned));
        (TokenIds, Learned, Starts) = (ids, learned, starts ?? [0]);
        Targets = Count(learned, Starts);
    }

    public int[] TokenIds { get; }

    /// <summary>Whether each token is to be learned. The first of a text never is: nothing comes before it.</summary>
    public bool[] Learned { get; }

    public int[] Starts { get; }

    /// <summary>How many tokens are learned.</summary>
    public int Targets { get; }

    /// <summary>How much each token counts where it is learned; null: 1.</summary>
    public float[]? Weights { get; init; }

    /// <inheritdoc/>
    public override double TargetCount => Weights is null ? Targets : Weights.Where((_, i) => IsTarget(i)).Sum(weight => (double)weight);

    /// <summary>Whether a token is learned: nothing predicts the first of a text.</summary>
    public bool IsTarget(int index) => Learned[index] && !Starts.Contains(index);

    /// <summary>The texts of the row: where each begins, and its length.</summary>
    public IEnumerable<(int Start, int Length)> Texts =>
        Starts.Select((start, i) => (start, (i + 1 < Starts.Length ? Starts[i + 1] : Length) - start));

    /// <summary>A part of the row as a text of its own.</summary>
    public CausalRow Part(int start, int length) =>
        new(TokenIds[start..(start + length)], Learned[start..(start + length)]) { Index = Index, Weights = Weights?[start..(start + length)] };

    /// <summary>The same tokens, learned from another one on.</summary>
    public CausalRow LearnedFrom(int first) =>
        new(TokenIds, [.. Enumerable.Range(0, Length).Select(i => i >= first)], Starts) { Index = Index, Weights = Weights };

    /// <summary>The same tokens, each of which counts so much.</summary>
    public CausalRow Weighted(double weight) =>
        weight == 1 ? this : new(TokenIds, Learned, Starts) { Index = Index, Weights = [.. Enumerable.Repeat((float)weight, Length)] };

    /// <summary>Several parts in one row.</summary>
    /// <param name="parts">In order; each is one text.</param>
    /// <param name="separate">Whether they do not see each other; else they are one text.</param>
    public static CausalRow Joined(IReadOnlyList<CausalRow> parts, bool separate)
    {
        var starts = new int[parts.Count];
        for (int i = 1; i < starts.Length; i++) starts[i] = starts[i - 1] + parts[i - 1].Length;
        float[]? weights = parts.All(part => part.Weights is null) ? null
            : [.. parts.SelectMany(part => part.Weights ?? Enumerable.Repeat(1f, part.Length))];
        return new([.. parts.SelectMany(part => part.TokenIds)], [.. parts.SelectMany(part => part.Learned)], separate ? starts : null)
        {
            Index = parts[0].Index, Weights = weights,
        };
    }

    internal override void Write(RowWriter writer)
    {
        writer.Ids(TokenIds);
        writer.Flags(Learned);
        writer.Ids(Starts);
        writer.OptionalReals(Weights);
    }

    internal static CausalRow Read(ref RowReader reader)
    {
        (int[] ids, bool[] learned, int[] starts, float[]? weights) = (reader.TokenIds(), reader.Flags(), reader.Ids(), reader.OptionalReals());
        bool rises = starts.Length > 0 && starts[0] == 0 && starts[^1] < ids.Length && starts.Zip(starts.Skip(1)).All(pair => pair.First < pair.Second);
        if (learned.Length != ids.Length || !rises || (weights is not null && weights.Length != ids.Length))
            throw RowReader.Damaged("its lists do not fit its tokens");
        return new(ids, learned, starts) { Weights = weights };
    }

    private static int Count(bool[] learned, int[] starts)
    {
        int count = learned.Count(value => value);
        foreach (int start in starts)
        {
            if (learned[start]) count--;
        }
        return count;
    }
}
