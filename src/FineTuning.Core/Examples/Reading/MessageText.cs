namespace FineTuning.Examples;

/// <summary>Texts of a data file as messages quote them: bounded, whatever the file holds.</summary>
internal static class MessageText
{
    private const int LongestText = 80, MostNames = 20, LongestMessage = 2000;

    /// <summary>At most 80 characters, never half a surrogate pair.</summary>
    public static string Of(string text) => Cut(text, LongestText);

    /// <summary>At most 20 names, each shortened.</summary>
    public static string List(IReadOnlyList<string> names)
    {
        string list = string.Join(", ", names.Take(MostNames).Select(Of));
        return names.Count > MostNames ? $"{list} and {names.Count - MostNames} more" : list;
    }

    /// <summary>A whole message; what it quotes is shortened already, so that this is the last bound only.</summary>
    public static string Message(string message) => Cut(message, LongestMessage);

    private static string Cut(string text, int longest)
    {
        if (text.Length <= longest) return text;
        int end = char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest;
        return string.Concat(text.AsSpan(0, end), "...");
    }
}
