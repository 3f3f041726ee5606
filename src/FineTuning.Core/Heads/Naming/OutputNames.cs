namespace FineTuning.Heads;

/// <summary>Names against names: which of the asked ones stands at which output.</summary>
internal static class OutputNames
{
    /// <summary>
    /// Whether names say nothing: there are none, or each is LABEL_ and its number, as the library of Hugging Face writes where nobody named them.
    /// </summary>
    public static bool AreGeneric(IReadOnlyList<string> names)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (names[i] != $"LABEL_{i}") return false;
        }
        return true;
    }

    /// <summary>For each stored name the index of the asked name that is the same. Null: they are not the same names.</summary>
    /// <remarks>
    /// Names are the same to the letter; or but for the case, where no other name on either side is the same but for the case. A name that stands twice on
    /// either side is no identity.
    /// </remarks>
    public static int[]? Match(IReadOnlyList<string> stored, IReadOnlyList<string> asked)
    {
        if (stored.Count != asked.Count) return null;
        var exact = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < asked.Count; i++)
        {
            if (!exact.TryAdd(asked[i], i)) return null;
        }
        ILookup<string, int> folded = Enumerable.Range(0, asked.Count).ToLookup(i => asked[i], StringComparer.OrdinalIgnoreCase);
        Dictionary<string, int> counts = stored.CountBy(name => name, StringComparer.OrdinalIgnoreCase).ToDictionary(StringComparer.OrdinalIgnoreCase);
        var indices = new int[stored.Count];
        var taken = new HashSet<int>();
        for (int i = 0; i < indices.Length; i++)
        {
            if (!exact.TryGetValue(stored[i], out int index))
            {
                if (counts[stored[i]] != 1 || folded[stored[i]].Take(2).Count() != 1) return null;
                index = folded[stored[i]].First();
            }
            if (!taken.Add(index)) return null;
            indices[i] = index;
        }
        return indices;
    }

    /// <summary>A list of names for a message: the first two dozen.</summary>
    public static string List(IReadOnlyList<string> names)
    {
        const int most = 24;
        string listed = string.Join(", ", names.Take(most).Select(Excerpt.Of));
        return names.Count > most ? $"{listed} and {names.Count - most} more" : listed;
    }
}
