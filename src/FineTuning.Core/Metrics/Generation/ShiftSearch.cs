namespace FineTuning.Metrics;

/// <summary>The greedy search for shifts of Tercom: as long as moving a run of words saves edits, the best such move is made.</summary>
internal static class ShiftSearch
{
    private const int LongestShift = 10, FarthestShift = 50, MostCandidates = 1000;

    /// <summary>Shifts and edits from a prediction to a reference.</summary>
    public static int Edits(string[] words, string[] reference)
    {
        if (reference.Length == 0) return words.Length;
        int shifts = 0, candidates = 0;
        EditMatrix matrix = new EditMatrix(words, reference).Compute();
        while (Best(words, reference, matrix, ref candidates) is { Gain: > 0 } best && candidates < MostCandidates)
        {
            shifts++;
            words = best.Words;
            matrix = new EditMatrix(words, reference).Compute();
        }
        return shifts + matrix.Distance;
    }

    private static (int Gain, int Length, int Start, int Target, string[] Words)? Best(
        string[] words, string[] reference, EditMatrix matrix, ref int candidates)
    {
        Alignment alignment = Alignment.Of(matrix.Trace());
        (int Gain, int Length, int Start, int Target, string[] Words)? best = null;
        foreach ((int start, int at, int length) in Runs(words, reference))
        {
            // A run moves only if it is wrong where it stands and missing where it would go.
            if (!alignment.IsWrong(start, length) || !alignment.IsMissing(at, length)) continue;
            if (start <= alignment.Position(at) && alignment.Position(at) < start + length) continue;
            int previous = -1;
            for (int offset = -1; offset < length; offset++)
            {
                if (at + offset >= alignment.Length) break;
                int target = at + offset == -1 ? 0 : alignment.Position(at + offset) + 1;
                if (target == previous) continue;
                previous = target;
                string[] shifted = Shifted(words, start, length, target);
                int gain = matrix.Distance - new EditMatrix(shifted, reference).Compute(matrix, Math.Min(start, target)).Distance;
                candidates++;
                // The largest gain, then the longest run, then the first, then the first target.
                if (best is not { } other || (gain, length, -start, -target).CompareTo((other.Gain, other.Length, -other.Start, -other.Target)) > 0)
                    best = (gain, length, start, target, shifted);
            }
            if (candidates >= MostCandidates) break;
        }
        return best;
    }

    /// <summary>Runs of words that the reference has too, not too far away.</summary>
    private static IEnumerable<(int Start, int At, int Length)> Runs(string[] words, string[] reference)
    {
        for (int start = 0; start < words.Length; start++)
        {
            for (int at = Math.Max(0, start - FarthestShift); at < reference.Length && at - start <= FarthestShift; at++)
            {
                for (int length = 0; length < LongestShift && start + length < words.Length && at + length < reference.Length
                    && words[start + length] == reference[at + length];)
                {
                    yield return (start, at, ++length);
                }
            }
        }
    }

    private static string[] Shifted(string[] words, int start, int length, int target)
    {
        string[] run = words[start..(start + length)];
        if (target < start) return [.. words[..target], .. run, .. words[target..start], .. words[(start + length)..]];
        // Beyond its own end it lands before the target; inside itself it moves on by as much.
        int end = target > start + length ? target : Math.Min(words.Length, length + target);
        return [.. words[..start], .. words[(start + length)..end], .. run, .. words[end..]];
    }

    /// <summary>Which word of the prediction stands beside each word of the reference, and which words of either have no partner.</summary>
    private sealed record Alignment(List<int> Positions, List<bool> Wrong, List<bool> Missing)
    {
        public int Length => Positions.Count;

        public static Alignment Of(List<EditStep> trace)
        {
            var alignment = new Alignment([], [], []);
            int position = -1;
            foreach (EditStep step in trace)
            {
                bool kept = step == EditStep.Keep;
                if (step != EditStep.Insert)
                {
                    position++;
                    alignment.Wrong.Add(!kept);
                }
                if (step == EditStep.Delete) continue;
                alignment.Positions.Add(position);
                alignment.Missing.Add(!kept);
            }
            return alignment;
        }

        public int Position(int reference) => Positions[reference];

        public bool IsWrong(int start, int length) => Wrong.GetRange(start, length).Contains(true);

        public bool IsMissing(int at, int length) => Missing.GetRange(at, length).Contains(true);
    }
}
