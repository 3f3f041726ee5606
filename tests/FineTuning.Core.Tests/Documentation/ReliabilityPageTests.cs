using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/reliability.md, and the README's of checkpoints, on a tiny checkpoint.</summary>
public sealed class ReliabilityPageTests : IDisposable
{
    private static readonly LabeledText<string>[] train = Data(40), dev = Data(6);
    private readonly string runs = NewFolder(), branches = NewFolder();

    public void Dispose()
    {
        foreach (string folder in new[] { runs, branches })
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Checkpoints()
    {
        using TextClassifier<string> model = Model();
        List<string> log = [];
        // snippet: checkpoints
        TrainingResult result = FineTuner.For(model)
            .CheckpointTo(runs, every: 2, keepLast: 2, keepBest: 1)
            .OnCheckpoint(report => log.Add($"step {report.Step}: {report.Bytes} bytes, {report.Problem ?? "whole"}"))
            .ValidateOn(dev).Epochs(2)
            .Train(train);
        string? newest = result.Checkpoint;
        // end
        Assert.True(Directory.Exists(newest));
        Assert.NotEmpty(log);
        Assert.All(log, line => Assert.EndsWith("whole", line));
    }

    [Fact]
    public void Resuming()
    {
        using TextClassifier<string> model = Model(), other = Model();
        FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 8)).ValidateOn(dev).Epochs(2).CheckpointTo(runs, every: 2, keepLast: 99)
            .WithCheckpoints(settings => settings with { Waits = true }).Train(train);
        // snippet: resuming
        using StopSignal stop = StopSignal.Listen();   // SIGTERM and Ctrl+C: finish, write, leave
        TrainingResult result = FineTuner.For(model)
            .WithAdapter(Adapter.Lora(rank: 8))
            .ValidateOn(dev).Epochs(2)
            .CheckpointTo(runs, every: 2).Resume()
            .Train(train, stop.Token);

        TrainingResult branch = FineTuner.For(other)
            .WithAdapter(Adapter.Lora(rank: 8))
            .ValidateOn(dev).Epochs(2)
            .CheckpointTo(runs).Fork(step: 4, folder: branches, o => o with { Optimizer = Optimizer.AdamW(learningRate: 1e-4) })
            .Train(train);
        // end
        Assert.Equal(StopReason.Completed, result.StopReason);
        Assert.Equal((6, 6), (result.Steps, branch.Steps));
        Assert.Contains(branch.Warnings, warning => warning.Contains("learningRate", StringComparison.Ordinal));
    }

    [Fact]
    public void CheckpointAsModel()
    {
        using TextClassifier<string> model = Model(), fresh = Model(), again = Model();
        FineTuner.For(model).ValidateOn(dev).Epochs(2).CheckpointTo(runs, every: 2).Train(train);
        string folder = branches;
        // snippet: checkpoint-model
        long step = fresh.LoadCheckpoint(runs);                    // the newest whole one; or a folder step-N
        fresh.Save(folder);                                        // the model of that step, as any model is saved

        again.LoadCheckpoint(runs, CheckpointWeights.Best);        // the weights of the best evaluation up to it
        // end
        using TextClassifier<string> opened = Pretrained.TextClassifier<string>(folder);
        Assert.Equal(6, step);
        Assert.Equal(fresh.Predict("a fine film").Scores[0].Score, opened.Predict("a fine film").Scores[0].Score);
        Assert.Equal(model.Predict("a fine film").Scores[0].Score, again.Predict("a fine film").Scores[0].Score);
    }

    [Fact]
    public void Readme()
    {
        using TextClassifier<string> model = Model();
        // snippet: checkpoints-readme
        TrainingResult result = FineTuner.For(model)
            .ValidateOn(dev).StopEarly(patience: 2)
            .CheckpointTo(runs, every: 100, keepLast: 2).Resume()
            .Train(train);
        // end
        Assert.True(Directory.Exists(result.Checkpoint));
    }

    private static TextClassifier<string> Model() => Pretrained.TextClassifier<string>(Goldens.Require("pipelines", "bert-classify"));

    private static string NewFolder() => Path.Combine(Path.GetTempPath(), $"page-{Guid.NewGuid():N}");

    private static LabeledText<string>[] Data(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new LabeledText<string>(i % 2 == 0 ? "a fine film" : "a dull evening", i % 2 == 0 ? "positive" : "negative"))];
}
