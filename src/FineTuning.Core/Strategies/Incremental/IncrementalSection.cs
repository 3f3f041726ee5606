using System.Globalization;
using System.Net;
using System.Text;
using FineTuning.Heads;
using FineTuning.Training.Reports;

namespace FineTuning.Strategies;

/// <summary>The stages, the curve through them and the forecast, in a run's report.</summary>
internal sealed class IncrementalSection(IncrementalResult result) : IReportSection
{
    private const int CurvePoints = 40, LabelsShown = 20;

    public string Title => "Growing data";

    public string ToFragment()
    {
        var html = new StringBuilder("<table><tr><th>rows</th><th>").Append(Encode(result.Last.Run.Metric)).Append("</th><th>steps</th><th>seconds</th></tr>");
        foreach (StageResult stage in result.Stages)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<tr><td>{stage.Rows:N0}</td><td>{stage.Score:0.####}</td><td>{stage.Run.Steps}</td><td>{stage.Run.Elapsed.TotalSeconds:0.0}</td></tr>");
        }
        html.Append("</table>");
        if (result.Stopped is not null) html.Append("<p>").Append(Encode(result.Stopped)).Append("</p>");
        if (result.Forecast is not { } forecast) return html.ToString();
        html.Append(Chart(forecast)).Append("<p>").AppendJoin("<br>", forecast.ToString().Split('\n').Select(Encode)).Append("</p>");
        html.Append("<p>").AppendJoin(", ", forecast.Families.Select(pair =>
            string.Create(CultureInfo.InvariantCulture, $"{Encode(pair.Key)} {pair.Value:P0}"))).Append("</p>");
        if (forecast.Classes.Count == 0) return html.ToString();
        html.Append("<table><tr><th>label</th><th>F1</th><th>twice the data</th><th>80 %</th><th>five times</th><th>80 %</th></tr>");
        foreach (ClassForecast label in forecast.Classes.Take(LabelsShown))
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<tr><td>{Encode(label.Label)}</td><td>{label.Now:0.###}</td>{Cells(label.Twice)}{Cells(label.FiveTimes)}</tr>");
        }
        return html.Append("</table>").ToString();
    }

    private static string Cells(ForecastPoint point) =>
        string.Create(CultureInfo.InvariantCulture, $"<td>{point.Expected:0.###}</td><td>{point.Low:0.###} to {point.High:0.###}</td>");

    private string Chart(LearningForecast forecast)
    {
        long first = result.Stages[0].Rows, last = forecast.FiveTimes.Rows;
        // Evenly in the logarithm, where the curve bends most.
        long Rows(int i) => (long)Math.Round(first * Math.Pow(last / (double)first, i / (CurvePoints - 1.0)));
        ForecastPoint[] points = [.. Enumerable.Range(0, CurvePoints).Select(Rows).Distinct().Select(forecast.At)];
        Curve Of(string name, Func<ForecastPoint, double> value) => new(name, [.. points.Select(point => ((double)point.Rows, value(point)))]);
        return SvgChart.Of(
        [
            new("measured", [.. result.Stages.Select(stage => ((double)stage.Rows, stage.Score))], Marked: true),
            Of("expected", point => point.Expected), Of("80 % low", point => point.Low), Of("80 % high", point => point.High),
        ], "rows", forecast.Now.Rows);
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
