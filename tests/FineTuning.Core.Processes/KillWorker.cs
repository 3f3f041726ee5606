using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Processes;

/// <summary>The run that is killed: with all that a run carries from step to step. It goes on from what is in the folder, and says each step and the hash of its end.</summary>
internal static class KillWorker
{
    private static readonly string[] Words = ["a", "fine", "film", "dull", "evening", "nothing", "at", "all", "happens", "good", "bad", "and", "long"];

    public static int Run(string checkpoint, string folder)
    {
        FineTuningRuntime.Threads = 1;
        using StopSignal stop = StopSignal.Listen();
        using TextClassifier<string> model = Pretrained.TextClassifier(checkpoint, new TextClassifierOptions<string> { Dropout = 0.1 });
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(3e-3)).WithScheduler(Schedule.Plateau(0.5, patience: 1)).Epochs(12).BatchSize(2, accumulation: 2)
            .UnfreezeGradually(2).WithWeightAverage(0.9).ValidateOn(Data(model, 9, 2)).EvaluateEvery(EvaluationInterval.Steps(5)).StopEarly(patience: 50)
            .CheckpointTo(folder, every: 1, keepLast: 2).Resume()
            .OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Training) Say($"step {progress.Step.ToString(CultureInfo.InvariantCulture)}");
            }).Train(Data(model, 40, 1), stop.Token);
        if (result.Warnings.Count > 0) Say($"warnings {string.Join(" | ", result.Warnings)}");
        if (result.StopReason == StopReason.Cancelled)
        {
            Say($"stopped after step {result.Steps}, {result.Checkpoint}");
            // What was done is on the disk.
            return result.Steps == 0 || Directory.Exists(result.Checkpoint) ? 0 : 3;
        }
        Say($"hash {HashOf(model, result)}");
        return 0;
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }

    private static string HashOf(TextClassifier<string> model, TrainingResult result)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Weight weight in model.Weights) hash.AppendData(MemoryMarshal.AsBytes(weight.Value.detach().data<float>().ToArray().AsSpan()));
        string[] numbers = [.. result.History.Select(step => string.Create(CultureInfo.InvariantCulture, $"{step.Step} {step.Loss:R} {step.LearningRate:R} {step.GradientNorm:R}"))
            .Concat(result.Evaluations.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Step} {entry.TrainingLoss:R} {entry.Metrics["accuracy"]:R} {entry.Metrics["loss"]:R} {entry.IsBest}")))
            .Concat(result.Warnings)];
        // What differs is told where the hash does.
        foreach (string number in numbers) Say($"number {number}");
        // Two parts, so that it shows whether weights or numbers differ.
        return $"{Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', numbers))))[..16]}";
    }

    private static LabeledText<string>[] Data(TextClassifier<string> model, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => new LabeledText<string>(
            string.Join(' ', Enumerable.Range(0, random.Next(1, 9)).Select(_ => Words[random.Next(Words.Length)])), model.LabelSet.Labels[i % model.LabelSet.Count]))];
    }
}
