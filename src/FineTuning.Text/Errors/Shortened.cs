namespace FineTuning.Errors;

/// <summary>Keeps messages readable: a file may hold megabytes where a name was expected, and messages quote it.</summary>
internal static class Shortened
{
    private const int Longest = 600;

    /// <summary>The text, or its beginning and its length.</summary>
    public static string Of(string text)
    {
        if (text.Length <= Longest) return text;
        int length = char.IsHighSurrogate(text[Longest - 1]) ? Longest - 1 : Longest;
        return $"{text[..length]}... ({text.Length:N0} characters)";
    }
}
