using System.Globalization;
using System.Net;
using System.Text;

namespace FineTuning.Heads;

/// <summary>An explanation to look at: no script, no font, no address outside; every text escaped.</summary>
internal static class ExplanationPage
{
    private const string For = "31,111,235", Against = "209,87,42";
    private const int Width = 640, RowHeight = 22, Middle = 400, Longest = 200;

    public static string Page(TextExplanation explanation) =>
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
        + "<meta name=\"viewport\" content=\"width=device-width\"><title>Explanation</title></head>"
        + "<body style=\"font:15px/1.6 system-ui,sans-serif;color:#1f2328;background:#fff;max-width:800px;margin:24px auto;padding:0 16px\">"
        + "<h1 style=\"font-size:20px\">"
        + Escape(explanation.Title) + "</h1>" + Fragment(explanation) + "</body></html>";

    public static string Fragment(TextExplanation explanation)
    {
        var html = new StringBuilder("<div>");
        Marked(html, explanation, explanation.Text, 0);
        if (explanation.Pair is not null) Marked(html, explanation, explanation.Pair, 1);
        html.Append(CultureInfo.InvariantCulture, $"<p>Blue spoke for '{Escape(explanation.Label)}', orange against it.");
        if (explanation.TruncatedTokens > 0) html.Append(CultureInfo.InvariantCulture, $" The last {explanation.TruncatedTokens} tokens were not seen.");
        return html.Append("</p>").Append(Bars(explanation, 12)).Append("</div>").ToString();
    }

    public static string Bars(TextExplanation explanation, int count)
    {
        IReadOnlyList<WordAttribution> words = explanation.Strongest(count);
        double highest = Highest(explanation);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Math.Max(1, words.Count) * RowHeight}\" "
            + $"width=\"{Width}\" font-family=\"system-ui,sans-serif\" font-size=\"13\" role=\"img\">");
        svg.Append("<title>").Append(Escape(explanation.Label)).Append("</title>");
        for (int i = 0; i < words.Count; i++)
        {
            double length = Longest * Math.Abs(words[i].Value) / highest, x = words[i].Value < 0 ? Middle - length : Middle;
            int y = i * RowHeight;
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"0\" y=\"{y + 15}\">{Escape(Excerpt.Of(words[i].Word))}</text>");
            svg.Append(CultureInfo.InvariantCulture,
                $"<rect x=\"{x:0.##}\" y=\"{y + 3}\" width=\"{length:0.##}\" height=\"{RowHeight - 6}\" fill=\"rgb({Colour(words[i])})\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Width}\" y=\"{y + 15}\" text-anchor=\"end\">{words[i].Value:0.####}</text>");
        }
        return svg.Append("</svg>").ToString();
    }

    // The text as it was, with its words coloured: what the model did not see stands there without colour.
    private static void Marked(StringBuilder html, TextExplanation explanation, string text, int sequence)
    {
        double highest = Highest(explanation);
        int done = 0;
        html.Append("<p style=\"white-space:pre-wrap;overflow-wrap:anywhere\">");
        foreach (WordAttribution word in explanation.Words.Where(word => word.Sequence == sequence && word.End > word.Start).OrderBy(word => word.Start))
        {
            if (word.Start < done) continue;
            html.Append(Escape(text[done..word.Start]));
            html.Append(CultureInfo.InvariantCulture,
                $"<span style=\"background:rgba({Colour(word)},{0.7 * Math.Abs(word.Value) / highest:0.###});border-radius:3px\" "
                + $"title=\"{word.Value:0.####}\">{Escape(word.Word)}</span>");
            done = word.End;
        }
        html.Append(Escape(text[done..])).Append("</p>");
    }

    private static string Colour(WordAttribution word) => word.Value < 0 ? Against : For;

    private static double Highest(TextExplanation explanation) =>
        Math.Max(double.Epsilon * 1e16, explanation.Words.Select(word => Math.Abs(word.Value)).DefaultIfEmpty(0).Max());

    // SVG is XML: characters that XML does not have, and halves of surrogate pairs, become the replacement character.
    private static string Escape(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool known = rune.Value is '\t' or '\n' or '\r' or (>= 0x20 and not 0xFFFE and not 0xFFFF);
            clean.Append(known ? rune.ToString() : "\uFFFD");
        }
        return WebUtility.HtmlEncode(clean.ToString());
    }
}
