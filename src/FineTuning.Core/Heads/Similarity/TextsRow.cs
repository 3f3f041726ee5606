using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>An example of several texts: anchor and positive and negatives, a pair, or one text with a label.</summary>
/// <param name="texts">Its texts as rows of tokens.</param>
/// <param name="target">A score, a flag as 0 or 1, the index of a label; NaN: the loss needs none.</param>
internal sealed class TextsRow(TokenizedRow[] texts, double target) : EncodedRow(texts.Sum(text => text.Length))
{
    public TokenizedRow[] Texts { get; } = texts;

    public double Target { get; } = target;

    internal override void Write(RowWriter writer)
    {
        writer.Count(Texts.Length);
        foreach (TokenizedRow text in Texts) text.Write(writer);
        writer.Real(Target);
    }

    internal static TextsRow Read(ref RowReader reader)
    {
        // A text takes two bytes at least.
        var texts = new TokenizedRow[reader.Length(bytesEach: 2)];
        for (int i = 0; i < texts.Length; i++) texts[i] = TokenizedRow.Read(ref reader);
        return new(texts, reader.Real());
    }
}

/// <summary>A batch of examples, its texts in groups of similar length that go through the encoder together.</summary>
internal sealed class TextsBatch : Batch
{
    // Smaller groups cost more in calls than they save in padding.
    private const int LeastTokensInAGroup = 384;

    private TextsBatch(IReadOnlyList<EncodedRow> rows, TokenizedRow[] texts, IReadOnlyList<TextGroup> groups, int paddedLength)
        : base(rows, paddedLength)
    {
        (Texts, Groups) = (texts, groups);
        var starts = new int[rows.Count];
        for (int row = 1; row < starts.Length; row++) starts[row] = starts[row - 1] + OwnRows.Of<TextsRow>(rows[row - 1]).Texts.Length;
        Starts = starts;
    }

    /// <summary>All texts, those of the first row first.</summary>
    public TokenizedRow[] Texts { get; }

    /// <summary>The index of each row's first text.</summary>
    public int[] Starts { get; }

    /// <summary>Every text stands in one.</summary>
    public IReadOnlyList<TextGroup> Groups { get; }

    /// <param name="rows">Rows that are all <see cref="TextsRow"/>s.</param>
    /// <param name="chunkSize">The most texts in a group. Null: any number.</param>
    /// <param name="encoder">Stacks.</param>
    public static TextsBatch Of(IReadOnlyList<EncodedRow> rows, int? chunkSize, SentenceEncoder encoder)
    {
        TokenizedRow[] texts = [.. rows.SelectMany(row => OwnRows.Of<TextsRow>(row).Texts)];
        int[] order = [.. Enumerable.Range(0, texts.Length).OrderBy(index => texts[index].Length)];
        var groups = new List<TextGroup>();
        long computed = 0;
        for (int start = 0; start < order.Length;)
        {
            int end = EndOf(start, order, texts, chunkSize ?? int.MaxValue);
            int[] indices = order[start..end];
            groups.Add(new(indices, encoder.Stack([.. indices.Select(index => texts[index])])));
            computed += (long)indices.Length * texts[indices[^1]].Length;
            start = end;
        }
        // What is computed a row, so that the run's share of padding is the real one.
        return new(rows, texts, groups, (int)((computed + rows.Count - 1) / rows.Count));
    }

    // A group ends where more than a fifth of it would be padding.
    private static int EndOf(int start, int[] order, TokenizedRow[] texts, int most)
    {
        long real = 0;
        int end = start;
        while (end < order.Length && end - start < most)
        {
            int length = texts[order[end]].Length;
            if (real >= LeastTokensInAGroup && (long)(end - start + 1) * length * 4 > (real + length) * 5) break;
            real += length;
            end++;
        }
        return end;
    }
}

/// <summary>Texts that go through the encoder together.</summary>
/// <param name="Indices">Their indices in the batch.</param>
/// <param name="Input">Their tokens.</param>
internal sealed record TextGroup(int[] Indices, TrunkInput Input)
{
    /// <returns>[texts], int64</returns>
    public Tensor IndicesOn(Device device) => tensor([.. Indices.Select(index => (long)index)], ScalarType.Int64, device);
}

/// <summary>Rows of tokens compared by their ids.</summary>
internal sealed class SameTokens : IEqualityComparer<TokenizedRow>
{
    public static SameTokens Instance { get; } = new();

    public bool Equals(TokenizedRow? x, TokenizedRow? y) =>
        ReferenceEquals(x, y) || (x is not null && y is not null && x.TokenIds.SequenceEqual(y.TokenIds));

    public int GetHashCode(TokenizedRow obj)
    {
        var hash = new HashCode();
        foreach (int id in obj.TokenIds) hash.Add(id);
        return hash.ToHashCode();
    }
}
