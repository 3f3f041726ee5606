using System.Globalization;
using FineTuning;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;

namespace QuickStart;

/// <summary>Reading sentences, and what a tuned model makes of those it has not seen.</summary>
internal static class Data
{
    /// <summary>A .csv or .jsonl with the columns text and label, or a .tsv: with those columns, or without a header, text first.</summary>
    public static LabeledText<string>[] Read(string path)
    {
        if (path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase)) return [.. JsonLines.Read(path).LabeledTexts<string>()];
        if (!path.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase)) return [.. Csv.Read(path).LabeledTexts<string>()];
        return Tsv.Read(path).Columns().Contains("label")
            ? [.. Tsv.Read(path).LabeledTexts<string>()]
            : [.. Tsv.Read(path, new DelimitedOptions { HasHeader = false }).LabeledTexts<string>(text: "0", label: "1")];
    }

    /// <summary>Accuracy on sentences that nothing has seen, beside what guessing gives.</summary>
    public static void Test(TextClassifier<string> model, LabeledText<string>[] test, LabeledText<string>[] train)
    {
        MetricReport report = model.Evaluate(test);
        string majority = train.CountBy(row => row.Label).MaxBy(pair => pair.Value).Key;
        double guessed = test.Average(row => row.Label == majority ? 1.0 : 0);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"test: accuracy {report["accuracy"]:P2}, macro F1 {report["f1_macro"]:P2} on {test.Length} sentences; always saying '{majority}' gives {guessed:P2}"));
    }
}
