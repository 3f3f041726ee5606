namespace FineTuning.Text;

/// <summary>
/// SentencePiece's byte pairs as merges: every way to put a piece together from two others, ranked by the piece's score, then by the length of the left part
/// and of the right, all descending. Ranking by scores is what SentencePiece does; ranking by ids differs wherever a piece has an
/// extreme score (user-defined ones, runs of spaces).
/// </summary>
internal static class SentencePieceMerges
{
    public static List<(string Left, string Right)> Of(IReadOnlyList<(string Text, double Score)> pieces)
    {
        var ids = new Dictionary<string, int>(pieces.Count, StringComparer.Ordinal);
        for (int id = 0; id < pieces.Count; id++) ids[pieces[id].Text] = id;
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(int Left, int Right, double Score, int LeftLength, int RightLength)>();
        for (int id = 0; id < pieces.Count; id++)
        {
            (string text, double score) = pieces[id];
            int first = merges.Count;
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (char.IsLowSurrogate(text[cut]) || !lookup.TryGetValue(text.AsSpan(0, cut), out int left)
                    || !lookup.TryGetValue(text.AsSpan(cut), out int right))
                    continue;
                merges.Add((left, right, score, Length(text.AsSpan(0, cut)), Length(text.AsSpan(cut))));
            }
            merges.Sort(first, merges.Count - first,
                Comparer<(int Left, int Right, double, int, int)>.Create((a, b) => (a.Left, a.Right).CompareTo((b.Left, b.Right))));
        }
        // The sort must keep the order of equals.
        return [.. merges.OrderByDescending(merge => merge.Score).ThenByDescending(merge => merge.LeftLength).ThenByDescending(merge => merge.RightLength)
            .Select(merge => (pieces[merge.Left].Text, pieces[merge.Right].Text))];
    }

    private static int Length(ReadOnlySpan<char> text)
    {
        int length = text.Length;
        foreach (char character in text) if (char.IsLowSurrogate(character)) length--;
        return length;
    }
}
