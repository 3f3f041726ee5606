using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>A score that is learned from pairs, on a decoder and on an encoder.</summary>
public sealed class RewardModelTests : IDisposable
{
    private static readonly PreferencePair[] Pairs =
    [
        .. Enumerable.Range(0, 8).Select(i => new PreferencePair($"Number {i}? ", $"it is {i}, thank you", $"it is {i}, go away")),
    ];

    private readonly PreferenceBase _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Better_completions_score_higher_also_by_the_saved_model(bool decoder)
    {
        string checkpoint = decoder ? _files.Folder : Goldens.Require("pipelines", "bert-mask"), saved = Path.Combine(_files.Folder, "saved");
        using RewardModel model = Pretrained.RewardModel(checkpoint, new RewardModelOptions { Centering = 0.01 });
        Assert.True(model.HasUntrainedHead);
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(12).BatchSize(4).ValidateOn(Pairs).Train(Pairs);
        Assert.True(result.Metrics!["rewards_accuracy"] == 1 && result.Metrics["rewards_margin"] > 0.5, result.Metrics.ToString());
        Assert.Equal(result.Metrics.Values, model.Evaluate(Pairs).Values);
        double better = model.Score("Number 3? ", "it is 3, thank you"), worse = model.Score("Number 3? ", "it is 3, go away");
        Assert.True(better > worse + 0.5, $"{better} against {worse}");
        // A decoder reads one text; an encoder a pair.
        if (decoder) Assert.Equal(better, model.Score("Number 3? it is 3, thank you"), 1e-5);
        Assert.Equal(model.Predict("thank you"), model.PredictBatch(["go away now please", "thank you"])[1], 1e-5);

        model.Save(saved);
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(saved, "config.json")));
        Assert.EndsWith("ForSequenceClassification", config.RootElement.GetProperty("architectures")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal(1, config.RootElement.TryGetProperty("num_labels", out JsonElement count) ? count.GetInt32() : config.RootElement.GetProperty("id2label").EnumerateObject().Count());
        using RewardModel opened = Pretrained.RewardModel(saved);
        Assert.False(opened.HasUntrainedHead);
        Assert.Equal(better, opened.Score("Number 3? ", "it is 3, thank you"), 1e-6);
    }

    [Fact]
    public void Turns_go_through_the_template_and_an_adapter_takes_the_head_along()
    {
        using RewardModel model = Pretrained.RewardModel(_files.Folder);
        PreferencePair[] turns = [.. Pairs.Select(pair => new PreferencePair(
            new ChatTurn[] { new("user", pair.Prompt.Text!) }, new ChatTurn[] { new("assistant", pair.Chosen.Text!) }, new ChatTurn[] { new("assistant", pair.Rejected.Text!) }))];
        FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 4, alpha: 8).On(linear => linear.AllLinear())).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(12).BatchSize(4).Train(turns);
        MetricReport report = model.Evaluate(turns);
        Assert.True(report["rewards_accuracy"] == 1, report.ToString());
        double score = model.Score(turns[0].Prompt, turns[0].Chosen);
        model.SaveAdapter(Path.Combine(_files.Folder, "adapter"));
        using RewardModel other = Pretrained.RewardModel(_files.Folder);
        other.LoadAdapter(Path.Combine(_files.Folder, "adapter"));
        Assert.Equal(score, other.Score(turns[0].Prompt, turns[0].Chosen), 1e-5);
    }

    [Fact]
    public void What_is_too_long_or_cannot_be_read_is_named()
    {
        using RewardModel model = Pretrained.RewardModel(_files.Folder, new RewardModelOptions { MaximumLength = 40 });
        string longer = string.Concat(Enumerable.Repeat("much longer ", 20));
        string message = Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([Pairs[0], new(longer, "a", "b")])).Message;
        Assert.Contains("record 1", message, StringComparison.Ordinal);
        Assert.Contains("TooLong", message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => model.Score(longer));
        Assert.Throws<ArgumentException>(() => model.Score("a", new TextOrTurns([new ChatTurn("assistant", "b")])));
        Assert.Equal(3, Assert.Throws<InvalidOptionsException>(() => Pretrained.RewardModel(_files.Folder, new() { MaximumLength = 1, Centering = -1, TooLong = (LostTargets)7 })).Violations.Count);
        using RewardModel skipping = Pretrained.RewardModel(_files.Folder, new RewardModelOptions { MaximumLength = 40, TooLong = LostTargets.Skip });
        TrainingResult result = FineTuner.For(skipping).Steps(1).Train([Pairs[0], new(longer, "a", "b")]);
        Assert.Equal(1, result.TrainingData.Skipped.Values.Sum());
    }
}
