using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tensors;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What an evaluation costs where there are many labels: what it allocates, what stays of it, and the highest memory of the process meanwhile.</summary>
internal static class LabelsCommand
{
    private const double Megabyte = 1048576;

    public static void Run(Arguments arguments)
    {
        int rows = arguments.Number("rows", 800);
        (_, LabeledText<string>[] texts, _) = RealCommand.Data("sst2");
        FineTuningRuntime.Load();
        Console.WriteLine("  labels   allocated MB   kept MB   resident before MB   highest MB   seconds   a square of the labels MB");
        foreach (int labels in new[] { 2, 5000, 20_000 })
        {
            using TextClassifier<int> model = Pretrained.TextClassifier(
                Shared.Model, new TextClassifierOptions<int> { Labels = [.. Enumerable.Range(0, labels)], MaximumLength = 128 });
            LabeledText<int>[] data = [.. texts.Take(rows).Select((row, i) => new LabeledText<int>(row.Text, i * 97 % labels))];
            model.Evaluate(data[..32]);
            long held = GC.GetTotalMemory(forceFullCollection: true), before = GC.GetTotalAllocatedBytes(precise: true), resident = ProcessMemory.Current;
            long started = Stopwatch.GetTimestamp();
            MetricReport report = model.Evaluate(data);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            long allocated = GC.GetTotalAllocatedBytes(precise: true) - before, kept = GC.GetTotalMemory(forceFullCollection: true) - held;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{labels,8} {allocated / Megabyte,14:0.0} {kept / Megabyte,9:0.00} {resident / Megabyte,20:0} "
                + $"{ProcessMemory.Peak / Megabyte,12:0} {seconds,9:0.0} {8.0 * labels * labels / Megabyte,27:0}"));
            GC.KeepAlive(report);
        }
    }
}
