using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Where the memory of a run goes: resident and highest, after each of its phases, beside the sum of what must be there.</summary>
internal static class MemoryCommand
{
    private const double Megabyte = 1048576;

    public static void Run(Arguments arguments)
    {
        int steps = arguments.Number("steps", 200), rows = arguments.Number("batch", 32);
        (LabeledText<string>[] train, LabeledText<string>[] dev, _) = RealCommand.Data("sst2");
        FineTuningRuntime.Load();
        using (zeros(1))
        {
        }
        long runtime = ProcessMemory.Current;
        Show("runtime loaded");
        using TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128 });
        Show("model loaded");
        long highest = ProcessMemory.Peak;
        using var heap = new NativeHeap.Watch();
        TrainingResult result = FineTuner.For(model).Steps(steps).BatchSize(rows).ValidateOn(dev).EvaluateEvery(EvaluationInterval.Steps(Math.Max(1, steps / 4)))
            .OnProgress(progress =>
            {
                bool rises = ProcessMemory.Peak > highest + (8 * 1048576);
                if (!rises && !(progress.Phase == TrainingPhase.Training && (progress.Step is 1 or 2 || progress.Step % 25 == 0))) return;
                Show($"{progress.Phase} {progress.Step}");
                highest = ProcessMemory.Peak;
            })
            .OnEvaluation(entry => Show($"evaluated {entry.Step}")).Train(train);
        long peak = ProcessMemory.Peak;
        Show("after the run");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"most in use by native code: {heap.MostUsed / Megabyte:0} MB, while {heap.FreeThen / Megabyte:0} MB of its heap were free"));
        long weights = 5 * model.Weights.ParameterCount() * sizeof(float), activations = Activations(model, train, rows);
        double sum = (runtime + weights + activations) / Megabyte;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"runtime {runtime / Megabyte:0} MB, weights with gradients, two moments and the best copy {weights / Megabyte:0} MB, activations of the {rows} longest texts {activations / Megabyte:0} MB: "
            + $"{sum:0} MB; the highest is {peak / Megabyte / sum:0.00} times that; {result.TokensPerSecond:0} tokens/s"));
    }

    // What the forward pass leaves for the backward pass.
    private static long Activations(TextClassifier<string> model, LabeledText<string>[] train, int rows)
    {
        using var scope = NewDisposeScope();
        EncodedRow[] longest = [.. train.Select(row => model.Encode(row, new EncodingReport())).OfType<EncodedRow>().OrderByDescending(row => row.Length).Take(rows)];
        Batch batch = model.Collate(longest, (longest[0].Length + 3) / 4 * 4);
        long before = NativeHeap.Used;
        model.SumLoss(batch, ForwardContext.For(new DropoutStream(1, 1, 0), Precision.Float32));
        Console.WriteLine($"the longest batch has {rows} x {(longest[0].Length + 3) / 4 * 4} tokens");
        return NativeHeap.Used - before;
    }

    private static void Show(string phase) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{phase,-20} {ProcessMemory.Current / Megabyte,6:0} MB resident, {ProcessMemory.Peak / Megabyte,6:0} MB highest, {GC.GetTotalMemory(false) / Megabyte,5:0} MB managed, "
        + $"{NativeHeap.Used / Megabyte,5:0} MB native ({NativeHeap.Mapped / Megabyte:0} mapped), {NativeHeap.Free / Megabyte,5:0} MB free"));
}
