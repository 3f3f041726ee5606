using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>Rows of a batch as arrays, [rows, width] in row order.</summary>
internal sealed class CausalArrays
{
    private CausalArrays(int rows, int width, int padId)
    {
        (Rows, Width) = (rows, width);
        Ids = new long[checked(rows * width)];
        Positions = new long[Ids.Length];
        Segments = new long[Ids.Length];
        Lengths = new int[rows];
        Array.Fill(Ids, padId);
        Array.Fill(Segments, Padding);
    }

    /// <summary>The segment of padding, which is that of no text.</summary>
    public const long Padding = -1;

    public int Rows { get; }

    public int Width { get; }

    public long[] Ids { get; }

    /// <summary>Where each token stands in its text, from 0.</summary>
    public long[] Positions { get; }

    /// <summary>Which text of its row each token belongs to, from 0; tokens see those before them in the same text alone.</summary>
    public long[] Segments { get; }

    /// <summary>Tokens of each row that are no padding.</summary>
    public int[] Lengths { get; }

    /// <summary>The first token of each text, counted over all rows, and its length.</summary>
    public List<(int First, int Length)> Spans { get; } = [];

    /// <summary>Indices into the flattened batch of the states that predict: each stands right before its target.</summary>
    public List<long> Predicting { get; } = [];

    /// <summary>The id that each of them predicts.</summary>
    public List<long> Targets { get; } = [];

    /// <summary>For each target the row that it belongs to.</summary>
    public List<long> TargetRows { get; } = [];

    /// <summary>For each target how much it counts; empty: 1 each.</summary>
    public List<float> TargetWeights { get; } = [];

    /// <summary>Whether a row holds more than one text, so that attention needs the segments.</summary>
    public bool IsPacked { get; private set; }

    /// <summary>Pads rows on the right.</summary>
    /// <param name="rows">Rows that are all <see cref="CausalRow"/>s.</param>
    /// <param name="width">Tokens a row after padding; at least the longest row.</param>
    /// <param name="padId">The id of padding.</param>
    public static CausalArrays Of(IReadOnlyList<EncodedRow> rows, int width, int padId)
    {
        var arrays = new CausalArrays(rows.Count, width, padId);
        bool weighted = rows.Any(row => OwnRows.Of<CausalRow>(row).Weights is not null);
        for (int i = 0; i < rows.Count; i++) arrays.Add(OwnRows.Of<CausalRow>(rows[i]), i, weighted);
        return arrays;
    }

    /// <summary>All rows one after another in a single row without padding.</summary>
    /// <param name="rows">Rows that are all <see cref="CausalRow"/>s.</param>
    public static CausalArrays Flattened(IReadOnlyList<EncodedRow> rows)
    {
        CausalRow[] texts = [.. rows.Select(OwnRows.Of<CausalRow>).SelectMany(row => row.Texts.Select(text => row.Part(text.Start, text.Length)))];
        CausalRow joined = CausalRow.Joined(texts, separate: true);
        return Of([joined], joined.Length, 0);
    }

    private void Add(CausalRow row, int index, bool weighted)
    {
        int first = index * Width, text = 0;
        Lengths[index] = row.Length;
        IsPacked |= row.Starts.Length > 1;
        Spans.AddRange(row.Texts.Select(own => (first + own.Start, own.Length)));
        for (int i = 0; i < row.Length; i++)
        {
            if (text + 1 < row.Starts.Length && i == row.Starts[text + 1]) text++;
            Ids[first + i] = row.TokenIds[i];
            Positions[first + i] = i - row.Starts[text];
            Segments[first + i] = text;
            if (!row.Learned[i] || i == row.Starts[text]) continue;
            Predicting.Add(first + i - 1);
            Targets.Add(row.TokenIds[i]);
            TargetRows.Add(index);
            if (weighted) TargetWeights.Add(row.Weights?[i] ?? 1);
        }
    }
}
