using System.Globalization;
using System.Text;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>Text for reading: what cannot be seen is written as an escape.</summary>
internal static class VisibleText
{
    public static string Of(ReadOnlySpan<char> text)
    {
        var visible = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char character = text[i];
            if (i + 1 < text.Length && char.IsSurrogatePair(character, text[i + 1]))
            {
                visible.Append(character).Append(text[++i]);
                continue;
            }
            visible.Append(character switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ when Printing.IsPrintable(character) => character.ToString(),
                _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
            });
        }
        return visible.ToString();
    }
}
