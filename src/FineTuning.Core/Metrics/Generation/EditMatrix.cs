namespace FineTuning.Metrics;

/// <summary>What one step between two texts does.</summary>
internal enum EditStep : byte
{
    Undefined,
    Keep,
    Substitute,
    Insert,
    Delete,
}

/// <summary>Levenshtein's distance between words, in a beam around the diagonal, as Tercom computes it.</summary>
/// <param name="words">The prediction.</param>
/// <param name="reference">The reference.</param>
internal sealed class EditMatrix(string[] words, string[] reference)
{
    private const int BeamWidth = 25, Unreachable = int.MaxValue / 2;

    private readonly int[][] _costs = new int[words.Length + 1][];
    private readonly EditStep[][] _steps = new EditStep[words.Length + 1][];

    public int Distance => _costs[words.Length][reference.Length];

    /// <summary>Computes the distance.</summary>
    /// <param name="other">A computed matrix against the same reference, of as many words. Null: there is none.</param>
    /// <param name="shared">How many first words both have in common: their rows are the same.</param>
    public EditMatrix Compute(EditMatrix? other = null, int shared = 0)
    {
        for (int i = 0; i <= words.Length; i++)
        {
            if (other is not null && i <= shared) (_costs[i], _steps[i]) = (other._costs[i], other._steps[i]);
            else Row(i);
        }
        return this;
    }

    /// <summary>The steps from the prediction to the reference, in order.</summary>
    public List<EditStep> Trace()
    {
        var trace = new List<EditStep>();
        for ((int i, int j) = (words.Length, reference.Length); i > 0 || j > 0;)
        {
            EditStep step = _steps[i][j];
            trace.Add(step);
            if (step != EditStep.Insert) i--;
            if (step != EditStep.Delete) j--;
        }
        trace.Reverse();
        return trace;
    }

    private void Row(int i)
    {
        var costs = _costs[i] = new int[reference.Length + 1];
        var steps = _steps[i] = new EditStep[reference.Length + 1];
        if (i == 0)
        {
            for (int j = 0; j <= reference.Length; j++) (costs[j], steps[j]) = (j, EditStep.Insert);
            return;
        }
        Array.Fill(costs, Unreachable);
        // Where the lengths differ much, neighbouring rows would not overlap in a beam of the usual width.
        double ratio = reference.Length / (double)words.Length;
        int width = BeamWidth < ratio / 2 ? (int)Math.Ceiling((ratio / 2) + BeamWidth) : BeamWidth, centre = (int)Math.Floor(i * ratio);
        int end = i == words.Length ? reference.Length + 1 : Math.Min(reference.Length + 1, centre + width);
        for (int j = Math.Max(0, centre - width); j < end; j++)
        {
            if (j == 0)
            {
                (costs[j], steps[j]) = (_costs[i - 1][j] + 1, EditStep.Delete);
                continue;
            }
            // Of equal costs a substitution comes first, then a deletion: the trace is read the other way round.
            bool same = words[i - 1] == reference[j - 1];
            Lower(costs, steps, j, _costs[i - 1][j - 1] + (same ? 0 : 1), same ? EditStep.Keep : EditStep.Substitute);
            Lower(costs, steps, j, _costs[i - 1][j] + 1, EditStep.Delete);
            Lower(costs, steps, j, costs[j - 1] + 1, EditStep.Insert);
        }
    }

    private static void Lower(int[] costs, EditStep[] steps, int j, int cost, EditStep step)
    {
        if (cost < costs[j]) (costs[j], steps[j]) = (cost, step);
    }
}
