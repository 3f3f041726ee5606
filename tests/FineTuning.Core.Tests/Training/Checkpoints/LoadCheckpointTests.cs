using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>A checkpoint becomes a model again: the run's at that step or its best, saved as a folder that opens, in full and as an adapter.</summary>
public sealed class LoadCheckpointTests : IDisposable
{
    private static readonly string Base = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify");
    private static readonly string[] Asked = ["film", "a good film it is", "bad bad tree", "house"];
    private readonly string _runs = KilledRun.NewFolder(), _saved = KilledRun.NewFolder(), _other = KilledRun.NewFolder();

    public void Dispose()
    {
        foreach (string folder in new[] { _runs, _saved, _other })
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Any_checkpoint_opens_as_the_model_of_its_step(bool frozen)
    {
        var hashes = new Dictionary<long, string>();
        using (TextClassifier<string> model = Open())
        {
            Run(model, tuner => frozen ? tuner.Freeze(weights => weights.Trunk()) : tuner, hashes);
        }
        Assert.Equal([2, 4, 6, 8], Steps());
        double[][] untuned;
        using (TextClassifier<string> model = Open()) untuned = Scores(model);
        foreach (long step in Steps())
        {
            using TextClassifier<string> fresh = Open();
            Assert.Equal(step, fresh.LoadCheckpoint(KilledRun.PathOf(_runs, step)));
            Assert.Equal(hashes[step], WeightHash.Of(fresh.Weights));
            fresh.Save(_saved);
            using TextClassifier<string> opened = Pretrained.TextClassifier<string>(_saved);
            Assert.Equal(Scores(fresh), Scores(opened));
            Assert.NotEqual(untuned, Scores(opened));
        }
        // The folder of all stands for the newest.
        using TextClassifier<string> newest = Open();
        Assert.Equal(8, newest.LoadCheckpoint(_runs));
        Assert.Equal(hashes[8], WeightHash.Of(newest.Weights));
    }

    [Fact]
    public void The_best_weights_are_those_that_the_run_left_in_its_model()
    {
        double[][] left;
        TrainingResult result;
        using (TextClassifier<string> model = Open())
        {
            result = Run(model, tuner => tuner.ValidateOn(Data(9)).EvaluateEvery(EvaluationInterval.Steps(2)).WithOptimizer(Optimizer.AdamW(3e-2)), []);
            left = Scores(model);
        }
        using TextClassifier<string> best = Open(), last = Open();
        best.LoadCheckpoint(result.Checkpoint!, CheckpointWeights.Best);
        last.LoadCheckpoint(result.Checkpoint!);
        Assert.Equal(left, Scores(best));
        Assert.False(best.HasUntrainedHead);
        Assert.Equal(result.Best!.Step == 8, Scores(last).SelectMany(row => row).SequenceEqual(left.SelectMany(row => row)));
        best.Save(_saved);
        using TextClassifier<string> opened = Pretrained.TextClassifier<string>(_saved);
        Assert.Equal(left, Scores(opened));
    }

    [Fact]
    public void An_adapters_checkpoint_opens_as_an_adapter_of_its_base()
    {
        double[][] expected;
        using (TextClassifier<string> model = Open())
        {
            Run(model, tuner => tuner.WithAdapter(Adapter.Lora(rank: 2).On(l => l.AllLinear())).WithOptimizer(Optimizer.AdamW(1e-2)), []);
            expected = Scores(model);
        }
        using TextClassifier<string> fresh = Open(), plain = Open();
        double[][] untouched = Scores(plain);
        fresh.LoadCheckpoint(_runs);
        Assert.Equal(expected, Scores(fresh));
        fresh.SaveAdapter(_saved);
        Assert.True(File.Exists(Path.Combine(_saved, "adapter_config.json")));
        plain.LoadAdapter(_saved);
        Assert.Equal(expected, Scores(plain));
        Assert.NotEqual(untouched, expected);
    }

    [Fact]
    public void Another_model_or_a_damaged_checkpoint_is_refused_and_the_model_stays_as_it_is()
    {
        using (TextClassifier<string> model = Open()) Run(model, tuner => tuner.Freeze(weights => weights.Trunk()), []);
        // Another trunk under the same head.
        using (TextClassifier<string> model = Open())
        {
            FineTuner.For(model).Steps(1).WithOptimizer(Optimizer.Sgd(0.5)).Train(Data(8));
            model.Save(_other);
        }
        using TextClassifier<string> other = Pretrained.TextClassifier<string>(_other), fresh = Open(), more = Pretrained.TextClassifier(
            Base, new TextClassifierOptions<string> { Labels = ["a", "b", "c", "d"], FreshHead = true });
        foreach ((TextClassifier<string> model, string text) in new[] { (other, "did not train"), (more, "has the shape") })
        {
            string before = WeightHash.Of(model.Weights);
            Assert.Contains(text, Assert.Throws<InvalidOptionsException>(() => model.LoadCheckpoint(_runs)).Message, StringComparison.Ordinal);
            Assert.Equal(before, WeightHash.Of(model.Weights));
        }
        string untouched = WeightHash.Of(fresh.Weights), newest = Path.Combine(KilledRun.PathOf(_runs, 8), "weights.safetensors");
        Assert.Contains("best", Assert.Throws<CheckpointException>(() => fresh.LoadCheckpoint(_runs, CheckpointWeights.Best)).Message, StringComparison.Ordinal);
        byte[] bytes = File.ReadAllBytes(newest);
        bytes[^1]++;
        File.WriteAllBytes(newest, bytes);
        Assert.Throws<CheckpointException>(() => fresh.LoadCheckpoint(KilledRun.PathOf(_runs, 8)));
        Assert.Equal(untouched, WeightHash.Of(fresh.Weights));
        Assert.Equal(6, fresh.LoadCheckpoint(_runs));
        Assert.Throws<CheckpointException>(() => fresh.LoadCheckpoint(_other));
        Assert.Throws<ArgumentOutOfRangeException>(() => fresh.LoadCheckpoint(_runs, (CheckpointWeights)7));
    }

    [Fact]
    public void A_forks_checkpoint_has_what_trained_before_it_too()
    {
        using (TextClassifier<string> model = Open()) Run(model, tuner => tuner, []);
        string weights;
        using (TextClassifier<string> model = Open())
        {
            FineTuner.For(model).Steps(8).BatchSize(4).CheckpointTo(_runs).Fork(4, _other, options => options with { Frozen = new WeightFilter().Trunk() }).Train(Data(20));
            weights = WeightHash.Of(model.Weights);
        }
        using TextClassifier<string> fresh = Open();
        Assert.Equal(8, fresh.LoadCheckpoint(_other));
        Assert.Equal(weights, WeightHash.Of(fresh.Weights));
    }

    [Fact]
    public void An_adapter_that_does_not_fit_is_taken_away_again()
    {
        using (TextClassifier<string> model = Open()) Run(model, tuner => tuner.WithAdapter(Adapter.Lora(rank: 2)), []);
        using (TextClassifier<string> model = Open())
        {
            FineTuner.For(model).Steps(1).WithOptimizer(Optimizer.Sgd(0.5)).Train(Data(8));
            model.Save(_other);
        }
        using TextClassifier<string> other = Pretrained.TextClassifier<string>(_other);
        double[][] before = Scores(other);
        Assert.Throws<InvalidOptionsException>(() => other.LoadCheckpoint(_runs));
        Assert.Empty(other.Adapters.Names);
        Assert.Equal(before, Scores(other));
    }

    private TrainingResult Run(TextClassifier<string> model, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> recipe, Dictionary<long, string> hashes) =>
        recipe(FineTuner.For(model).Steps(8).BatchSize(4)).CheckpointTo(_runs, every: 2, keepLast: 99).WithCheckpoints(settings => settings with { Waits = true })
            .OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Training) hashes[progress.Step] = WeightHash.Of(model.Weights);
            }).Train(Data(20));

    private long[] Steps() => [.. new CheckpointFolder(_runs, LocalDisk.Instance).Steps()];

    private static TextClassifier<string> Open() => Pretrained.TextClassifier<string>(Base);

    private static double[][] Scores(TextClassifier<string> model) =>
        [.. model.PredictBatch(Asked).Select(answer => answer.Scores.OrderBy(score => score.Label, StringComparer.Ordinal).Select(score => score.Score).ToArray())];

    private static LabeledText<string>[] Data(int count) => [.. Enumerable.Range(0, count).Select(i => new LabeledText<string>(
        string.Join(' ', Enumerable.Repeat(new[] { "film", "good", "tree", "house" }[i % 4], 1 + (i * 5 % 9))), new[] { "negative", "neutral", "positive" }[i * i % 3]))];
}
