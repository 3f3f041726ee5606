using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Texts as sequences of code points; a surrogate without its other half is one of its own.</summary>
internal static class CodePoints
{
    public static bool HasPairs(string text)
    {
        for (int i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i + 1 < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i], text[i + 1])) return true;
        }
        return false;
    }

    public static int Count(string text) => HasPairs(text) ? Offset(text, text.Length) : text.Length;

    /// <summary>How many code points stand before an index of the string.</summary>
    public static int Offset(string text, int index)
    {
        int count = index;
        for (int i = 0; i + 1 < index; i++)
        {
            if (!char.IsSurrogatePair(text[i], text[i + 1])) continue;
            count--;
            i++;
        }
        return count;
    }

    /// <summary>The index of the string at which a code point begins, which must be within the text.</summary>
    public static int Index(string text, int point)
    {
        if (!HasPairs(text)) return point;
        int index = 0;
        for (; point > 0 && index < text.Length; point--) index += LengthAt(text, index);
        return index;
    }

    public static int LengthAt(string text, int index) => index + 1 < text.Length && char.IsSurrogatePair(text[index], text[index + 1]) ? 2 : 1;

    public static IEnumerable<object> Split(string text)
    {
        for (int i = 0; i < text.Length;)
        {
            int length = LengthAt(text, i);
            yield return text.Substring(i, length);
            i += length;
        }
    }

    public static string Reversed(string text)
    {
        var reversed = new StringBuilder(text.Length);
        for (int i = text.Length; i > 0;)
        {
            int length = i > 1 && char.IsSurrogatePair(text[i - 2], text[i - 1]) ? 2 : 1;
            i -= length;
            reversed.Append(text, i, length);
        }
        return reversed.ToString();
    }
}
