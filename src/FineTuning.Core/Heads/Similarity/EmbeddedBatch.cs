using FineTuning.Tasks;

using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What a loss sees of a batch: the embeddings of all its texts, and how they belong together.</summary>
/// <param name="Batch">The texts.</param>
/// <param name="Embeddings">[texts, dimension], in the order of the texts</param>
internal sealed record EmbeddedBatch(TextsBatch Batch, Tensor Embeddings)
{
    private int RowCount => Batch.Rows.Count;

    /// <summary>The text at an index of each row (0: the anchor), [rows, dimension].</summary>
    public Tensor Column(int index) => Select([.. Batch.Starts.Select(start => start + index)]);

    /// <summary>The rows' targets, [rows], float32.</summary>
    public Tensor Targets() => tensor(Batch.Rows.Select(row => (float)OwnRows.Of<TextsRow>(row).Target).ToArray(), ScalarType.Float32, Embeddings.device);

    /// <summary>The indices of the rows' labels, [rows], int64.</summary>
    public Tensor Labels() => tensor(Batch.Rows.Select(row => (long)OwnRows.Of<TextsRow>(row).Target).ToArray(), ScalarType.Int64, Embeddings.device);

    /// <summary>The positives of the rows in order, then all negatives.</summary>
    public Tensor Candidates() => Select(CandidateIndices());

    /// <summary>
    /// Where a candidate is no negative of an anchor: it is the same text as the anchor or its positive, or the positive of an equal anchor.
    /// </summary>
    /// <returns>[rows, candidates], bool, false for the anchor's own positive; null where there is no such candidate</returns>
    public Tensor? Duplicates()
    {
        int[] indices = CandidateIndices();
        int[] text = Numbered();
        var excluded = new bool[RowCount * indices.Length];
        bool any = false;
        for (int row = 0; row < RowCount; row++)
        {
            int anchor = text[Batch.Starts[row]], positive = text[Batch.Starts[row] + 1];
            for (int candidate = 0; candidate < indices.Length; candidate++)
            {
                int own = text[indices[candidate]];
                bool duplicate = own == positive || own == anchor || (candidate < RowCount && text[Batch.Starts[candidate]] == anchor);
                if (!duplicate || candidate == row) continue;
                excluded[(row * indices.Length) + candidate] = any = true;
            }
        }
        return any ? tensor(excluded, [RowCount, indices.Length], ScalarType.Bool, Embeddings.device) : null;
    }

    private int[] CandidateIndices() =>
    [
        .. Batch.Starts.Select(start => start + 1),
        .. Batch.Starts.SelectMany((start, row) => Enumerable.Range(start + 2, ((TextsRow)Batch.Rows[row]).Texts.Length - 2)),
    ];

    // Equal texts get equal numbers.
    private int[] Numbered()
    {
        var numbers = new Dictionary<TokenizedRow, int>(SameTokens.Instance);
        return [.. Batch.Texts.Select(text => numbers.TryGetValue(text, out int number) ? number : numbers[text] = numbers.Count)];
    }

    private Tensor Select(int[] indices) => Embeddings.index_select(0, tensor([.. indices.Select(index => (long)index)], ScalarType.Int64, Embeddings.device));
}
