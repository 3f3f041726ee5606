using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Classification from a few texts of each label: the encoder as it is with a fitted head, and the same after tuning on pairs.</summary>
internal static class FewShotCommand
{
    public static void Run(Arguments arguments)
    {
        string task = arguments.Text("task", "banking77");
        int shots = arguments.Number("shots", 8), pairs = arguments.Number("pairs", 5);
        (LabeledText<string>[] train, _, LabeledText<string>[] test) = RealCommand.Data(task);
        foreach (int seed in Enumerable.Range(1, arguments.Number("seeds", 1)))
        {
            LabeledText<string>[] few = Choose(train, shots, seed);
            Console.WriteLine($"{task}: {few.Length} texts, {shots} a label, seed {seed}");
            foreach (int count in new[] { 0, pairs })
            {
                using FewShotClassifier<string> model = Pretrained.FewShotClassifier(Shared.Model, new FewShotOptions<string> { PairsPerText = count, Seed = seed });
                long started = Stopwatch.GetTimestamp();
                FewShotResult result = model.Train(few);
                double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
                IReadOnlyList<Classification<string>> answers = model.PredictBatch([.. test.Select(row => row.Text)]);
                double accuracy = answers.Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {count} pairs of each kind a text: test accuracy {accuracy:0.####} (training {result.TrainingAccuracy:0.####}) in {seconds:0.0} s, {result.Tuning?.Steps ?? 0} steps, {result.HeadIterations} iterations of the head"));
            }
        }
    }

    internal static LabeledText<string>[] Choose(LabeledText<string>[] rows, int shots, int seed)
    {
        var random = new Random(seed);
        return [.. rows.GroupBy(row => row.Label).OrderBy(group => group.Key, StringComparer.Ordinal).SelectMany(group => group.OrderBy(_ => random.Next()).Take(shots))];
    }
}
