using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What it costs a prediction to enter the weights and to leave them: by itself, on several threads at once, and as a share of a text's prediction.</summary>
internal static class GateCommand
{
    private const int Times = 2_000_000;

    public static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 7);
        FineTuningRuntime.Load();
        FineTuningRuntime.Threads = 1;
        (_, LabeledText<string>[] texts, _) = RealCommand.Data("sst2");
        using TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128 });
        string[] inputs = [.. texts.Take(40).Select(row => row.Text), "good"];
        double alone = Median(rounds, () => Passes(model.Weights)), inside = Median(rounds, () => Nested(model.Weights));
        double together = Median(rounds, () => Enumerable.Range(0, 2).AsParallel().WithDegreeOfParallelism(2).Select(_ => Passes(model.Weights)).Average());
        foreach (string input in inputs) model.Predict(input);
        double[] predictions = [.. inputs.Select(input => Median(rounds, () => Nanoseconds(1, () => model.Predict(input))))];
        double shortest = predictions.Min(), median = predictions.Order().ElementAt(predictions.Length / 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"enter and leave: {alone:0.0} ns; on two threads at once {together:0.0} ns; inside another {inside:0.0} ns"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"one text: {median / 1e6:0.00} ms, the shortest {shortest / 1e6:0.00} ms; the gate is {alone / median:P5} of it, {alone / shortest:P5} of the shortest"));
    }

    private static double Passes(WeightSet weights) => Nanoseconds(Times, () =>
    {
        using WeightPass pass = weights.Enter();
    });

    private static double Nested(WeightSet weights)
    {
        using WeightPass outer = weights.Enter();
        return Passes(weights);
    }

    private static double Nanoseconds(int times, Action action)
    {
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++) action();
        return Stopwatch.GetElapsedTime(started).TotalNanoseconds / times;
    }

    private static double Median(int rounds, Func<double> measure) => Enumerable.Range(0, rounds).Select(_ => measure()).Order().ElementAt(rounds / 2);
}
