using System.Globalization;
using System.Net;
using System.Text;
using FineTuning.Heads;
using FineTuning.Training.Reports;

namespace FineTuning.Strategies;

/// <summary>What was gained and forgotten, and the curve of weights between old and new, in a run's report.</summary>
internal sealed class ContinuedSection(ContinuedResult result) : IReportSection
{
    public string Title => "Gained and forgotten";

    public string ToFragment()
    {
        var html = new StringBuilder("<table><tr><th>task</th><th>metric</th><th>before</th><th>after</th></tr>");
        foreach (KeptScore task in result.Kept.Prepend(result.Gained))
        {
            (double before, double after) = (task.Before[task.Metric], task.After[task.Metric]);
            html.Append(CultureInfo.InvariantCulture,
                $"<tr><td>{Encode(task.Name)}</td><td>{Encode(task.Metric)}</td><td>{before:0.####}</td><td>{after:0.####}</td></tr>");
        }
        html.Append("</table>");
        if (result.Curve.Count == 0) return html.ToString();
        html.Append("<p>Weights on the straight line from old (0) to new (1), without further training; the dashed line is the recommended point.</p>");
        var charts = new List<Curve> { new(result.Gained.Name, [.. result.Curve.Select(point => (point.Share, point.New))], Marked: true) };
        for (int i = 0; i < result.Kept.Count; i++)
        {
            int task = i;
            charts.Add(new(result.Kept[task].Name, [.. result.Curve.Select(point => (point.Share, point.Kept[task]))], Marked: true));
        }
        // Metrics of other units have a chart of their own.
        string[] metrics = [result.Gained.Metric, .. result.Kept.Select(task => task.Metric)];
        foreach (IGrouping<string, (Curve Curve, string Metric)> group in charts.Zip(metrics).GroupBy(pair => pair.Second))
        {
            string chart = SvgChart.Of([.. group.Select(pair => pair.Curve)], "share", result.Recommended?.Share);
            html.Append("<p>").Append(Encode(group.Key)).Append("</p>").Append(chart);
        }
        return html.ToString();
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
