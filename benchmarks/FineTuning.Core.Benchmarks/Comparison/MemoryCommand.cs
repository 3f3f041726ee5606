using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Where the memory of a run goes: resident and highest, after each of its phases, beside the sum of what must be there.</summary>
internal static class MemoryCommand
{
    public static void Run(Arguments arguments)
    {
        int steps = arguments.Number("steps", 200), rows = arguments.Number("batch", 32);
        (LabeledText<string>[] train, LabeledText<string>[] dev, _) = RealCommand.Data("sst2");
        FineTuningRuntime.Load();
        Show("runtime loaded");
        using TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128 });
        Show("model loaded");
        TrainingResult result = FineTuner.For(model).Steps(steps).BatchSize(rows).ValidateOn(dev).EvaluateEvery(EvaluationInterval.Steps(Math.Max(1, steps / 4)))
            .OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Evaluating || progress.Step is 1 or 2 || (progress.Phase == TrainingPhase.Training && progress.Step % 25 == 0)) Show($"{progress.Phase} {progress.Step}");
            })
            .OnEvaluation(entry => Show($"evaluated {entry.Step}")).Train(train);
        long weights = model.Weights.ParameterCount() * sizeof(float);
        Show("after the run");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"weights {weights / 1048576.0:0} MB; with gradients, two moments and the best copy {5 * weights / 1048576.0:0} MB; {result.TokensPerSecond:0} tokens/s"));
    }

    private static void Show(string phase) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{phase,-20} {ProcessMemory.Current / 1048576.0,6:0} MB resident, {ProcessMemory.Peak / 1048576.0,6:0} MB highest, {GC.GetTotalMemory(false) / 1048576.0,5:0} MB managed"));
}
