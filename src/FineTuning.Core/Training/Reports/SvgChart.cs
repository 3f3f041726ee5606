using System.Globalization;
using System.Net;
using System.Text;

namespace FineTuning.Training.Reports;

/// <summary>One line of a chart.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">X and y, x rising; points that are not finite are left out.</param>
/// <param name="Marked">Whether each point is shown as a dot.</param>
internal sealed record Curve(string Name, IReadOnlyList<(double X, double Y)> Points, bool Marked = false);

/// <summary>A line chart as SVG: axes, legend, curves.</summary>
internal static class SvgChart
{
    private const int Width = 640, Height = 280, Left = 64, Right = 16, Top = 36, Bottom = 36;
    private const int LegendColumns = 5, LegendWidth = (Width - Left - Right) / LegendColumns;
    private const int MostPoints = 600;
    private static readonly string[] Colours = ["#1f6feb", "#d1572a", "#2a8f5b", "#8250df", "#b08800", "#57606a"];

    public static string Of(IReadOnlyList<Curve> curves, string xName, double? marker = null)
    {
        Curve[] shown =
            [.. curves.Select(curve => curve with { Points = [.. curve.Points.Where(point => double.IsFinite(point.X) && double.IsFinite(point.Y))] })
                .Where(curve => curve.Points.Count > 0)];
        if (shown.Length == 0) return "<p>No values.</p>";
        (double lowX, double highX) = Span(shown.SelectMany(curve => curve.Points.Select(point => point.X)));
        (double lowY, double highY) = Span(shown.SelectMany(curve => curve.Points.Select(point => point.Y)));
        string X(double x) => Number(Left + ((x - lowX) / (highX - lowX) * (Width - Left - Right)));
        string Y(double y) => Number(Height - Bottom - ((y - lowY) / (highY - lowY) * (Height - Top - Bottom)));

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" "
            + $"aria-label=\"{WebUtility.HtmlEncode(string.Join(", ", shown.Select(curve => curve.Name)))}\">");
        for (int i = 0; i <= 4; i++)
        {
            double y = lowY + ((highY - lowY) * i / 4), x = lowX + ((highX - lowX) * i / 4);
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(y)}\" y2=\"{Y(y)}\"/>");
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{Left - 6}\" y=\"{Y(y)}\" text-anchor=\"end\" dy=\"4\">{y.ToString("G4", CultureInfo.InvariantCulture)}</text>");
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{X(x)}\" y=\"{Height - Bottom + 16}\" text-anchor=\"middle\">{x.ToString("G5", CultureInfo.InvariantCulture)}</text>");
        }
        svg.Append(CultureInfo.InvariantCulture,
            $"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 4}\" text-anchor=\"middle\">{WebUtility.HtmlEncode(xName)}</text>");
        if (marker is { } best)
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"best\" x1=\"{X(best)}\" x2=\"{X(best)}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/>");
        for (int i = 0; i < shown.Length; i++) Draw(svg, shown[i], Colours[i % Colours.Length], i, X, Y);
        return svg.Append("</svg>").ToString();
    }

    private static void Draw(StringBuilder svg, Curve curve, string colour, int index, Func<double, string> x, Func<double, string> y)
    {
        int stride = Math.Max(1, curve.Points.Count / MostPoints);
        (double X, double Y)[] points = [.. curve.Points.Where((_, i) => i % stride == 0 || i == curve.Points.Count - 1)];
        svg.Append("<polyline fill=\"none\" stroke=\"").Append(colour).Append("\" points=\"")
            .AppendJoin(' ', points.Select(point => $"{x(point.X)},{y(point.Y)}")).Append("\"/>");
        if (curve.Marked)
        {
            foreach ((double px, double py) in points)
                svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{x(px)}\" cy=\"{y(py)}\" r=\"3\" fill=\"{colour}\"/>");
        }
        // The legend stands above the curves, in columns of one width: names are short.
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + (index % LegendColumns * LegendWidth)}\" y=\"{12 + (index / LegendColumns * 13)}\" "
            + $"fill=\"{colour}\">{WebUtility.HtmlEncode(curve.Name)}</text>");
    }

    private static (double Low, double High) Span(IEnumerable<double> values)
    {
        double[] all = [.. values];
        (double low, double high) = (all.Min(), all.Max());
        return high > low ? (low, high) : (low - Math.Max(1e-9, Math.Abs(low) * 0.1), high + Math.Max(1e-9, Math.Abs(high) * 0.1));
    }

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
