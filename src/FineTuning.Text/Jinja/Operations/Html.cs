using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Escaping as markupsafe does it.</summary>
internal static class Html
{
    public static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny("&<>\"'") < 0) return text;
        return new StringBuilder(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&#34;").Replace("'", "&#39;").ToString();
    }

    /// <summary>A text as part of a safe one.</summary>
    public static string Escaped(object text) => Kinds.IsSafe(text) ? Kinds.Text(text)! : Escape(Kinds.Text(text)!);
}
