namespace FineTuning.Text.Jinja;

/// <summary>White space as Python knows it: .NET's, and the four separators from U+001C.</summary>
internal static class WhiteSpace
{
    public static bool Is(char character) => char.IsWhiteSpace(character) || character is >= '\u001C' and <= '\u001F';

    public static int TrimmedStart(ReadOnlySpan<char> text)
    {
        int start = 0;
        while (start < text.Length && Is(text[start])) start++;
        return start;
    }

    public static int TrimmedEnd(ReadOnlySpan<char> text)
    {
        int end = text.Length;
        while (end > 0 && Is(text[end - 1])) end--;
        return end;
    }
}
