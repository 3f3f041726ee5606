using System.Globalization;
using System.Net;
using System.Text;

namespace FineTuning.Text;

/// <summary>A loss mask for reading: every token, its text, whether it is learned.</summary>
internal static class MaskExplanation
{
    private const string Style = """
        body{font:15px/1.9 ui-monospace,monospace;color:#1f2328;background:#fff;max-width:1000px;margin:24px auto;padding:0 16px}
        h1{font:600 20px system-ui,sans-serif}p{font:15px/1.5 system-ui,sans-serif}.note{background:#fff8c5;padding:6px 10px;border-left:3px solid #b08800}
        .tokens{white-space:pre-wrap;overflow-wrap:anywhere}.tokens span{border:1px solid #d8dee4;border-radius:3px;padding:0 1px;color:#59636e}
        .tokens .learned{background:#c9efd6;border-color:#2a8f5b;color:#0b3d22}
        """;

    public static string AsText(EncodedChat chat)
    {
        var text = new StringBuilder(Summary(chat)).Append('\n');
        foreach (string problem in chat.Problems) text.Append("note: ").Append(problem).Append('\n');
        int wide = chat.Ids.Length == 0 ? 1 : chat.Ids.Max().ToString(CultureInfo.InvariantCulture).Length,
            positions = chat.Ids.Length.ToString(CultureInfo.InvariantCulture).Length;
        for (int i = 0; i < chat.Ids.Length; i++)
        {
            text.Append(i.ToString(CultureInfo.InvariantCulture).PadLeft(positions)).Append("  ")
                .Append(chat.Ids[i].ToString(CultureInfo.InvariantCulture).PadLeft(wide))
                .Append(chat.LossMask[i] ? "  learned  " : "  -        ").Append(VisibleText.Of(chat.SurfaceOf(i))).Append('\n');
        }
        return text.ToString();
    }

    public static string AsHtml(EncodedChat chat)
    {
        var html = new StringBuilder(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width\"><title>Loss mask</title><style>")
            .Append(Style).Append("</style></head><body><h1>Loss mask</h1><p>").Append(WebUtility.HtmlEncode(Summary(chat))).Append("</p>");
        foreach (string problem in chat.Problems) html.Append("<p class=\"note\">").Append(WebUtility.HtmlEncode(problem)).Append("</p>");
        html.Append("<div class=\"tokens\">");
        for (int i = 0; i < chat.Ids.Length; i++)
        {
            string surface = chat.SurfaceOf(i);
            string learned = chat.LossMask[i] ? " class=\"learned\"" : "", visible = WebUtility.HtmlEncode(VisibleText.Of(surface));
            html.Append(CultureInfo.InvariantCulture, $"<span{learned} title=\"{i}: {chat.Ids[i]}\">{visible}</span>");
            if (surface.Contains('\n', StringComparison.Ordinal)) html.Append('\n');
        }
        return html.Append("</div></body></html>").ToString();
    }

    private static string Summary(EncodedChat chat)
    {
        string source = chat.Source switch
        {
            AnswerSource.GenerationMarks => "the template's generation marks say which",
            AnswerSource.PrefixRendering => "found by prefix rendering and proved",
            _ => "it is not known where answers stand",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{chat.LearnedTokens} of {chat.Ids.Length} tokens are learned; {source}");
    }
}
