using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What a run that goes on takes between the last encoded example and its first step, beside a run that begins: rows in memory and in a file.</summary>
internal static class ResumeCommand
{
    public static void Run(Arguments arguments)
    {
        int rows = arguments.Number("rows", 1_000_000);
        string checkpoint = arguments.Text("model", Path.Combine("tests", "goldens", "pipelines", "bert-classify"));
        foreach (bool keeps in (bool[])[false, true])
        {
            string folder = Path.Combine(Path.GetTempPath(), $"resume-{Guid.NewGuid():N}");
            foreach ((string name, long steps) in new[] { ("begins", 4L), ("goes on", 8L) })
            {
                using TextClassifier<string> model = Pretrained.TextClassifier<string>(checkpoint);
                LabeledText<string>[] data = [.. Enumerable.Range(0, rows).Select(i =>
                    new LabeledText<string>(i % 3 == 0 ? "a good film it is" : i % 3 == 1 ? "not at all" : "the old house", model.LabelSet.Labels[i % model.LabelSet.Count]))];
                FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Steps(8).CheckpointTo(folder, every: 4);
                if (steps > 4) tuner = tuner.Resume();
                if (keeps) tuner = tuner.KeepRowsOnDisk();
                long encoded = 0, first = 0;
                using var stop = new CancellationTokenSource();
                TrainingResult result = tuner.OnProgress(progress =>
                {
                    if (progress.Phase == TrainingPhase.Encoding) encoded = Stopwatch.GetTimestamp();
                    else if (first == 0) first = Stopwatch.GetTimestamp();
                    if (progress.Step >= steps) stop.Cancel();
                }).Train(data, stop.Token);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{rows:N0} rows {(keeps ? "in a file" : "in memory")}, a run that {name}: {Stopwatch.GetElapsedTime(encoded, first).TotalSeconds:0.00} s to the first step, {result.Steps} steps"));
            }
            Directory.Delete(folder, recursive: true);
        }
    }
}
