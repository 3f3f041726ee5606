using System.Globalization;
using System.Net;
using System.Text;
using FineTuning.Heads;
using FineTuning.Metrics;

namespace FineTuning.Training.Reports;

/// <summary>A run as one page that needs nothing else: no script, no font, no address outside.</summary>
internal static class HtmlReport
{
    private const string Style = """
        body{font:15px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff;max-width:1000px;margin:24px auto;padding:0 16px}
        h1{font-size:22px}h2{font-size:17px;margin:28px 0 8px}table{border-collapse:collapse}
        td,th{padding:3px 10px;text-align:right;border-bottom:1px solid #d8dee4}
        td:first-child,th:first-child,.text td,.text th{text-align:left}
        .text td{vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;width:33%}
        svg{width:100%;max-width:680px;font-size:11px}svg polyline{stroke-width:1.5}
        .grid{stroke:#e6e9ed}.best{stroke:#2a8f5b;stroke-dasharray:4 3}.cell{min-width:44px}
        .note{background:#fff8c5;padding:6px 10px;border-left:3px solid #b08800}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:8px 24px}.wide{overflow-x:auto}
        """;

    /// <summary>The page; numbers are written with a point whatever the culture: records print by that of the thread.</summary>
    public static string Of(TrainingResult result, IEnumerable<IReportSection> sections)
    {
        CultureInfo culture = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
            return Page(result, sections);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    private static string Page(TrainingResult result, IEnumerable<IReportSection> sections)
    {
        var html = new StringBuilder();
        html.Append(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
            + "content=\"width=device-width\"><title>Training report</title><style>")
            .Append(Style).Append("</style></head><body><h1>Training report</h1><p>");
        html.AppendJoin("<br>", result.ToString().Split('\n').Where(line => !line.StartsWith("note: ", StringComparison.Ordinal)).Select(Encode))
            .Append("</p>");
        foreach (string warning in result.Warnings) html.Append("<p class=\"note\">").Append(Encode(warning)).Append("</p>");
        Charts(html, result);
        if (result.Evaluations.Count > 0) Evaluations(html, result);
        if (result.Metrics is { } metrics) Metrics(html, metrics);
        foreach (IReportSection section in sections) html.Append("<h2>").Append(Encode(section.Title)).Append("</h2>").Append(section.ToFragment());
        Settings(html, result.Options);
        return html.Append("</body></html>").ToString();
    }

    private static void Charts(StringBuilder html, TrainingResult result)
    {
        var loss = new List<Curve> { new("training loss", [.. result.History.Zip(result.SmoothedLoss, (step, loss) => ((double)step.Step, loss))]) };
        if (result.Evaluations.Count > 0)
            loss.Add(new("validation loss", [.. result.Evaluations.Select(entry => ((double)entry.Step, entry.Metrics["loss"]))], Marked: true));
        html.Append("<div class=\"charts\"><div><h2>Loss</h2>").Append(SvgChart.Of(loss, "step", result.Best?.Step)).Append("</div>");
        if (result.Evaluations.Count > 0)
        {
            string[] names = [.. result.Evaluations[0].Metrics.Values.Select(pair => pair.Key)
                .Where(name => name is "accuracy" or "mcc" or "pearson" or "spearman" or "r2" || name.StartsWith("f1", StringComparison.Ordinal)).Take(5)];
            if (!names.Contains(result.Metric)) names = [result.Metric, .. names];
            html.Append("<div><h2>Validation metrics</h2>")
                .Append(SvgChart.Of(
                    [.. names.Select(name => new Curve(name, [.. result.Evaluations.Select(entry => ((double)entry.Step, entry.Metrics[name]))],
                        Marked: true))], "step", result.Best?.Step)).Append("</div>");
        }
        html.Append("<div><h2>Learning rate</h2>").Append(
            SvgChart.Of([new("learning rate", [.. result.History.Select(step => ((double)step.Step, step.LearningRate))])], "step")).Append("</div>");
        html.Append("<div><h2>Gradient norm</h2>").Append(
            SvgChart.Of([new("gradient norm before clipping", [.. result.History.Select(step => ((double)step.Step, step.GradientNorm))])], "step"))
                .Append("</div></div>");
    }

    private static void Evaluations(StringBuilder html, TrainingResult result)
    {
        string[] names = [.. result.Evaluations[0].Metrics.Values.Select(pair => pair.Key).Take(8)];
        html.Append("<h2>Evaluations</h2><div class=\"wide\"><table><tr><th>step</th><th>epoch</th><th>training loss</th>");
        foreach (string name in names) html.Append("<th>").Append(Encode(name)).Append("</th>");
        html.Append("<th></th></tr>");
        foreach (EvaluationRecord entry in result.Evaluations)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{entry.Step}</td><td>{entry.Epoch:0.##}</td><td>{entry.TrainingLoss:0.####}</td>");
            foreach (string name in names) html.Append(CultureInfo.InvariantCulture, $"<td>{entry.Metrics[name]:0.####}</td>");
            html.Append("<td>").Append(entry == result.Best ? "best" : "").Append("</td></tr>");
        }
        html.Append("</table></div>");
    }

    private static void Metrics(StringBuilder html, MetricReport metrics)
    {
        if (metrics.Classes.Count > 0)
        {
            html.Append("<h2>Labels</h2><table><tr><th>label</th><th>precision</th><th>recall</th><th>F1</th><th>support</th></tr>");
            foreach (ClassScores scores in metrics.Classes)
            {
                html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Encode(scores.Label)}</td><td>{scores.Precision:0.###}</td>"
                    + $"<td>{scores.Recall:0.###}</td><td>{scores.F1:0.###}</td><td>{scores.Support:0.##}</td></tr>");
            }
            html.Append("</table>");
        }
        if (metrics.Samples.Count > 0) Samples(html, metrics.Samples);
        if (metrics.Confusion is not { } confusion || confusion.Labels.Count > 40) return;
        html.Append("<h2>Confusion matrix</h2><p>Rows: the true label. Columns: what the model said.</p><div class=\"wide\"><table><tr><th></th>");
        foreach (string label in confusion.Labels) html.Append("<th>").Append(Encode(label)).Append("</th>");
        html.Append("</tr>");
        for (int row = 0; row < confusion.Labels.Count; row++)
        {
            html.Append("<tr><td>").Append(Encode(confusion.Labels[row])).Append("</td>");
            double sum = Math.Max(1, Enumerable.Range(0, confusion.Labels.Count).Sum(column => (double)confusion[row, column]));
            for (int column = 0; column < confusion.Labels.Count; column++)
            {
                string colour = row == column ? "42,143,91" : "209,87,42";
                html.Append(CultureInfo.InvariantCulture,
                    $"<td class=\"cell\" style=\"background:rgba({colour},{0.75 * confusion[row, column] / sum:0.###})\">{confusion[row, column]}</td>");
            }
            html.Append("</tr>");
        }
        html.Append("</table></div>");
    }

    private static void Samples(StringBuilder html, IReadOnlyList<GeneratedSample> samples)
    {
        html.Append("<h2>Written texts</h2><table class=\"text\"><tr><th>source</th><th>reference</th><th>output</th></tr>");
        foreach (GeneratedSample sample in samples)
        {
            html.Append("<tr><td>").Append(Encode(sample.Source)).Append("</td><td>").AppendJoin("<br>", sample.References.Select(Encode))
                .Append("</td><td>").Append(Encode(sample.Output)).Append("</td></tr>");
        }
        html.Append("</table>");
    }

    private static void Settings(StringBuilder html, TrainingOptions options)
    {
        html.Append("<h2>Settings</h2><table>");
        foreach ((string name, object? value) in new (string, object?)[]
        {
            ("optimizer", options.Optimizer), ("schedule", options.Schedule), ("epochs", options.Epochs),
                ("steps", options.Steps), ("time limit", options.TimeLimit),
            ("batch size", options.BatchSize), ("token budget", options.TokenBudget), ("accumulation", options.Accumulation),
            ("clip norm", options.ClipNorm), ("seed", options.Seed),
            ("precision", options.Precision), ("frozen", options.Frozen), ("unfreeze every", options.UnfreezeEvery), ("layer decay", options.LayerDecay),
            ("group by length", options.GroupByLength), ("shuffle", options.Shuffle), ("pad to multiple of", options.PadToMultipleOf),
            ("metric", options.Metric), ("early stopping", options.EarlyStopping),
            ("features", options.Features.Count == 0 ? null : string.Join(", ", options.Features)),
        })
        {
            if (value is null) continue;
            html.Append("<tr><td>").Append(name).Append("</td><td>")
                .Append(Encode(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")).Append("</td></tr>");
        }
        html.Append("</table>");
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text.TrimEnd('\r'));
}
