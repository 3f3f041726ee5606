using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>A run that is cancelled during an evaluation: what goes on from its checkpoint makes that evaluation first, with the same bits.</summary>
public sealed class InterruptedEvaluationTests : IDisposable
{
    private const int Every = 5;
    private static readonly string[] Words = ["a", "fine", "film", "dull", "evening", "nothing", "at", "all", "happens", "good", "bad", "and", "long"];
    private readonly string _folder = KilledRun.NewFolder();

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void It_is_made_up_for_with_the_same_bits_whatever_trains_by_then()
    {
        string checkpoint = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify");
        if (!Directory.Exists(checkpoint)) Assert.Skip($"{checkpoint} is missing");
        TrainingResult whole = Train(checkpoint, null, CancellationToken.None);
        foreach (long step in whole.Evaluations.Select(entry => entry.Step))
        {
            if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
            using var cancellation = new CancellationTokenSource();
            TrainingResult interrupted = Train(checkpoint, progress =>
            {
                if (progress.Phase == TrainingPhase.Evaluating && progress.Step == step) cancellation.Cancel();
            }, cancellation.Token);
            Assert.Equal((StopReason.Cancelled, step), (interrupted.StopReason, interrupted.Steps));
            Assert.DoesNotContain(interrupted.Evaluations, entry => entry.Step == step);
            Assert.Equal(Told(whole), Told(Train(checkpoint, null, CancellationToken.None)));
        }
    }

    private static string[] Told(TrainingResult result) =>
    [
        .. result.History.Select(step => $"{step.Step} {step.Loss:R} {step.LearningRate:R} {step.GradientNorm:R}"),
        .. result.Evaluations.Select(entry => $"{entry.Step} {entry.TrainingLoss:R} {entry.Metrics["accuracy"]:R} {entry.Metrics["loss"]:R} {entry.IsBest}"),
        .. result.Warnings,
    ];

    private TrainingResult Train(string checkpoint, Action<TrainingProgress>? onProgress, CancellationToken cancellation)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(checkpoint, new TextClassifierOptions<string> { Dropout = 0.1 });
        return FineTuner.For(model).WithOptimizer(Optimizer.AdamW(3e-3)).Epochs(4).BatchSize(2, accumulation: 2)
            .UnfreezeGradually(2).WithWeightAverage(0.9).ValidateOn(Data(model, 9, 2)).EvaluateEvery(EvaluationInterval.Steps(Every))
            .CheckpointTo(_folder).Resume().OnProgress(progress => onProgress?.Invoke(progress)).Train(Data(model, 40, 1), cancellation);
    }

    private static LabeledText<string>[] Data(TextClassifier<string> model, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => new LabeledText<string>(
            string.Join(' ', Enumerable.Range(0, random.Next(1, 9)).Select(_ => Words[random.Next(Words.Length)])), model.LabelSet.Labels[i % model.LabelSet.Count]))];
    }
}
