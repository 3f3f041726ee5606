using System.Diagnostics;
using System.Globalization;
using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Tensors;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What it costs that every answer is checked for NaN and infinity: the check alone beside the predictions that it belongs to, in pairs.</summary>
internal static class FiniteCommand
{
    private const int Repetitions = 1000;

    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Threads = arguments.Number("threads", 1);
        string[] texts = [.. RealCommand.Data("sst2").Test.Take(arguments.Number("texts", 256)).Select(row => row.Text)];
        int pairs = arguments.Number("pairs", 9);
        using TextClassifier<bool> classifier = Pretrained.TextClassifier<bool>(Shared.Model);
        using SentenceEncoder sentences = Pretrained.SentenceEncoder(Shared.Model);
        using TokenClassifier tagger = Pretrained.TokenClassifier(Shared.Model, ["PER", "ORG", "LOC", "MISC"]);
        int tokens = texts.Sum(text => tagger.Tokenizer.Encode(text).Ids.Length);
        Report("classifier, 2 outputs a text", pairs, () => classifier.PredictBatch(texts), texts.Length * 2);
        Report($"sentence encoder, {sentences.Dimension} outputs a text", pairs, () => sentences.Encode(texts), texts.Length * sentences.Dimension);
        Report($"tagger, {tagger.Tags.Count} outputs a token", pairs, () => tagger.PredictBatch(texts), tokens * tagger.Tags.Count);
    }

    private static void Report(string name, int pairs, Action predict, int outputs)
    {
        float[] values = [.. Enumerable.Range(0, outputs).Select(i => (float)i)];
        predict();
        Outputs.RequireFinite(values);
        var ratios = new List<double>();
        for (int pair = 0; pair < pairs; pair++)
        {
            long start = Stopwatch.GetTimestamp();
            predict();
            double whole = Stopwatch.GetElapsedTime(start).TotalSeconds;
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Repetitions; i++) Outputs.RequireFinite(values);
            ratios.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / Repetitions / whole);
        }
        ratios.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: the check is {ratios[ratios.Count / 2]:P4} of the predictions (median of {pairs} pairs; {ratios[0]:P4} to {ratios[^1]:P4})"));
    }
}
