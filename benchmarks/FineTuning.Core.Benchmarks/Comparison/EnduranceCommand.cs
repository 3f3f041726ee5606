using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Memory over many micro-steps of a tiny model, with checkpoints: the slope of a straight line through what is resident after each part.</summary>
internal static class EnduranceCommand
{
    private const int Parts = 20;

    public static void Run(Arguments arguments)
    {
        int steps = arguments.Number("steps", 200_000), every = Math.Max(1, steps / Parts);
        string folder = Path.Combine(Path.GetTempPath(), $"endurance-{Guid.NewGuid():N}");
        FineTuningRuntime.Threads = 1;
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(arguments.Text("model", Path.Combine("tests", "goldens", "pipelines", "bert-classify")));
        LabeledText<string>[] data = [.. Enumerable.Range(0, 64).Select(i => new LabeledText<string>(string.Join(' ', Enumerable.Repeat("film", 1 + (i % 12))), model.LabelSet.Labels[i % model.LabelSet.Count]))];
        var samples = new List<(double Step, double Megabytes)>();
        FineTuner.For(model).Steps(steps).BatchSize(1).CheckpointTo(folder, every).OnProgress(progress =>
        {
            if (progress.Phase != TrainingPhase.Training || progress.Step % every != 0) return;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            ProcessMemory.Trim();
            samples.Add((progress.Step, ProcessMemory.Current / 1048576.0));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{progress.Step,9} steps: {samples[^1].Megabytes:0.00} MB resident, {GC.GetTotalMemory(false) / 1048576.0:0.00} MB managed"));
        }).Train(data);
        Directory.Delete(folder, recursive: true);
        // The first quarter fills what is kept for good: the history, the allocator's arenas, compiled code.
        (double Step, double Megabytes)[] late = [.. samples.Skip(Parts / 4)];
        double meanStep = late.Average(sample => sample.Step), mean = late.Average(sample => sample.Megabytes);
        double slope = late.Sum(sample => (sample.Step - meanStep) * (sample.Megabytes - mean)) / late.Sum(sample => (sample.Step - meanStep) * (sample.Step - meanStep));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{steps} micro-steps: {slope * 100_000:0.000} MB more a 100,000, after the first quarter"));
    }
}
