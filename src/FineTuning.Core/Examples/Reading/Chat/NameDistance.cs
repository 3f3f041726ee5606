namespace FineTuning.Examples;

/// <summary>Which of several names was probably meant.</summary>
internal static class NameDistance
{
    private const int Longest = 64;

    /// <summary>The known name nearest to the one that was written. Null: none is near. At most a third of the letters differ.</summary>
    public static string? Nearest(string name, IEnumerable<string> known)
    {
        if (name.Length > Longest) return null;
        string? nearest = null;
        int least = Math.Max(1, name.Length / 3) + 1;
        foreach (string candidate in known)
        {
            if (candidate.Length > Longest) continue;
            int distance = Between(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (distance < least) (least, nearest) = (distance, candidate);
        }
        return nearest;
    }

    // Levenshtein's distance, one row of the table at a time.
    private static int Between(string first, string second)
    {
        Span<int> row = stackalloc int[second.Length + 1];
        for (int j = 0; j < row.Length; j++) row[j] = j;
        for (int i = 1; i <= first.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.Length; j++)
            {
                int replaced = diagonal + (first[i - 1] == second[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[^1];
    }
}
