using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Laws that hold for any model and data: accumulated = whole, two runs = one, frozen = unchanged, best = kept.</summary>
public sealed class LoopLawTests
{
    private const string Config = """
        {"model_type":"bert","vocab_size":40,"hidden_size":16,"num_hidden_layers":3,"num_attention_heads":2,"intermediate_size":32,
         "max_position_embeddings":32,"type_vocab_size":2,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    private static RowsClassifier Model(double? dropout = null) =>
        new(OutputHead.Create(Config, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Seed = 7, Dropout = dropout }));

    private static List<IdsWithLabel> Data(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            int label = random.Next(3);
            int[] ids = [.. Enumerable.Range(0, random.Next(2, 20)).Select(_ => random.Next(4) == 0 ? 30 + label : random.Next(1, 30))];
            return new IdsWithLabel(ids, label);
        })];
    }

    private static float[] Values(RowsClassifier model) => [.. model.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];

    private static double Largest(float[] one, float[] other) => one.Zip(other, (a, b) => Math.Abs(a - b)).Max();

    [Fact]
    public void Two_runs_with_one_seed_are_equal_to_the_bit_and_another_seed_is_not()
    {
        float[] Run(long seed)
        {
            using RowsClassifier model = Model();
            FineTuner.For(model).Epochs(2).BatchSize(4).Seed(seed).WithOptimizer(Optimizer.AdamW(1e-3)).Train(Data(30));
            return Values(model);
        }
        float[] first = Run(5);
        Assert.Equal(first, Run(5));
        Assert.NotEqual(first, Run(6));
    }

    [Theory]
    [InlineData(12, 1)]
    [InlineData(6, 2)]
    [InlineData(5, 3)]
    [InlineData(1, 12)]
    public void Accumulated_batches_equal_the_whole_batch(int rows, int accumulation)
    {
        double[] Run(int size, int windows, out float[] values)
        {
            using RowsClassifier model = Model(dropout: 0);
            TrainingResult result = FineTuner.For(model).Epochs(2).With(o => o with { BatchSize = size, Accumulation = windows, Shuffle = false, GroupByLength = false })
                .WithOptimizer(Optimizer.Sgd(0.1)).Train(Data(12));
            values = Values(model);
            return [.. result.History.Select(step => step.Loss)];
        }
        double[] whole = Run(12, 1, out float[] expected), parts = Run(rows, accumulation, out float[] actual);
        Assert.All(whole.Zip(parts), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.True(Largest(expected, actual) < 1e-6);
    }

    [Fact]
    public void Padding_and_grouping_do_not_change_the_loss_of_an_epoch()
    {
        double Run(int multiple, bool group)
        {
            using RowsClassifier model = Model(dropout: 0);
            TrainingResult result = FineTuner.For(model).Epochs(1).With(o => o with { BatchSize = 5, PadToMultipleOf = multiple, GroupByLength = group })
                .WithOptimizer(Optimizer.Sgd(1e-12)).Train(Data(20));
            return result.History.Average(step => step.Loss);
        }
        double plain = Run(1, false);
        Assert.Equal(plain, Run(16, false), 1e-5);
        Assert.Equal(plain, Run(8, true), 1e-5);
    }

    [Fact]
    public void Frozen_weights_stay_as_they_are_to_the_bit_and_thawed_ones_move()
    {
        using RowsClassifier model = Model();
        var before = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Value.detach().data<float>().ToArray());
        TrainingResult result = FineTuner.For(model).Freeze(l => l.Embeddings().Layers(..2)).Epochs(1).BatchSize(4).WithOptimizer(Optimizer.AdamW(1e-3)).Train(Data(16));
        foreach (Weight weight in model.Weights)
        {
            bool same = before[weight.Name].SequenceEqual(weight.Value.detach().data<float>().ToArray());
            Assert.Equal(weight.Depth < 3, same);
        }
        Assert.True(result.Parameters.Trainable < result.Parameters.Total);
    }

    [Fact]
    public void A_frozen_trunk_has_no_dropout_so_its_epochs_without_learning_are_equal()
    {
        using RowsClassifier model = Model();
        TrainingResult result = FineTuner.For(model).Freeze(l => l.Trunk()).Epochs(2).With(o => o with { Shuffle = false, BatchSize = 8 })
            .WithOptimizer(Optimizer.Sgd(1e-12)).Train(Data(8));
        // The head's own dropout differs between the steps; without it the two would be equal.
        using RowsClassifier still = Model(dropout: 0);
        TrainingResult plain = FineTuner.For(still).Freeze(l => l.Trunk()).Epochs(2).With(o => o with { Shuffle = false, BatchSize = 8 })
            .WithOptimizer(Optimizer.Sgd(1e-12)).Train(Data(8));
        Assert.Equal(plain.History[0].Loss, plain.History[1].Loss, 1e-6);
        Assert.NotEqual(result.History[0].Loss, result.History[1].Loss);
    }

    [Fact]
    public void Gradual_unfreezing_thaws_one_layer_an_epoch_from_the_top()
    {
        using RowsClassifier model = Model();
        var trainable = new List<int>();
        FineTuner.For(model).UnfreezeGradually().Epochs(6).BatchSize(8).OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.Training) trainable.Add(model.Weights.Where(weight => weight.IsTrainable).Min(weight => weight.Depth));
        }).Train(Data(8));
        Assert.Equal([4, 3, 2, 1, 0, 0], trainable);
    }

    [Fact]
    public void The_model_has_the_weights_of_the_best_evaluation()
    {
        using RowsClassifier model = Model();
        List<IdsWithLabel> dev = Data(40, seed: 2);
        TrainingResult result = FineTuner.For(model).Epochs(8).BatchSize(8).WithOptimizer(Optimizer.AdamW(5e-3)).ValidateOn(dev).Train(Data(60));
        Assert.Equal(result.Evaluations.Max(entry => entry.Metrics["accuracy"]), result.Metrics!["accuracy"]);
        Assert.Equal(result.Evaluations.First(entry => entry.Metrics["accuracy"] == result.Metrics["accuracy"]), result.Best);
        TrainingResult again = FineTuner.For(model).Steps(1).WithOptimizer(Optimizer.Sgd(1e-12)).ValidateOn(dev).Train(Data(4));
        Assert.Equal(result.Metrics["loss"], again.Metrics!["loss"], 1e-6);
    }

    [Fact]
    public void Training_learns_and_stops_early()
    {
        using RowsClassifier model = Model();
        TrainingResult result = FineTuner.For(model).Epochs(60).BatchSize(8).WithOptimizer(Optimizer.AdamW(5e-3)).WithScheduler(Schedule.Constant())
            .ValidateOn(Data(60, seed: 3)).StopEarly(patience: 3).Train(Data(120));
        Assert.Equal(StopReason.StoppedEarly, result.StopReason);
        Assert.True(result.Metrics!["accuracy"] > 0.7, result.ToString());
        int best = result.Evaluations.ToList().IndexOf(result.Best!);
        Assert.True(result.Evaluations.Count - best >= 4);
    }

    [Fact]
    public void A_diverging_run_names_step_and_records()
    {
        using RowsClassifier model = Model();
        var failure = Assert.Throws<DivergedException>(() => FineTuner.For(model).Epochs(50).BatchSize(4).ClipGradients(null).WithRate(l => l.Named("*").Trunk(), 1e6).WithRate(l => l.Named("*"), 1e6).WithRate(l => l.Named("*"), 1e6).WithRate(l => l.Named("*"), 1e6).WithRate(l => l.Named("*"), 1e6)
            .WithOptimizer(Optimizer.Sgd(1000)).WithScheduler(Schedule.Constant()).Train(Data(12)));
        Assert.True(failure.Step >= 1);
        Assert.Contains("records", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_returns_what_there_is()
    {
        using RowsClassifier model = Model();
        using var stop = new CancellationTokenSource();
        TrainingResult result = await FineTuner.For(model).Epochs(1000).BatchSize(2).OnProgress(progress =>
        {
            if (progress.Step == 3) stop.Cancel();
        }).TrainAsync(Data(20), cancellation: stop.Token);
        Assert.Equal(StopReason.Cancelled, result.StopReason);
        Assert.Equal(3, result.Steps);
    }

    [Fact]
    public void A_time_limit_ends_the_run()
    {
        using RowsClassifier model = Model();
        TrainingResult result = FineTuner.For(model).Epochs(100_000).BatchSize(2).TimeLimit(TimeSpan.FromMilliseconds(200)).Train(Data(20));
        Assert.Equal(StopReason.TimeLimit, result.StopReason);
        Assert.InRange(result.Steps, 0, 999_999);
        Assert.Equal(result.Steps, result.History.Count);
    }

    [Fact]
    public void All_violations_are_reported_at_once_and_before_any_data_is_read()
    {
        using RowsClassifier model = Model();
        IEnumerable<IdsWithLabel> Unread()
        {
            Assert.Fail("the data was read");
            yield break;
        }
        var failure = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).Epochs(0).Steps(5).BatchSize(0).ClipGradients(-1).WithLayerDecay(2)
            .WithOptimizer(Optimizer.AdamW(-1, beta1: 2)).WithScheduler(Schedule.Linear(warmup: 1.5)).StopEarly(0).Train(Unread()));
        Assert.Equal(10, failure.Violations.Count);
    }

    [Fact]
    public void A_freeze_that_means_nothing_or_everything_is_refused()
    {
        using RowsClassifier model = Model();
        Assert.Contains("no weight", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).Freeze(l => l.Named("encoder.typo.*")).Train(Data(4))).Message, StringComparison.Ordinal);
        Assert.Contains("nothing to train", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).Freeze(l => l.Named("*")).Train(Data(4))).Message, StringComparison.Ordinal);
        string metrics = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).ValidateOn(Data(4)).With(o => o with { Metric = "bleu" }).Train(Data(4))).Message;
        Assert.Contains("'bleu'", metrics, StringComparison.Ordinal);
        Assert.Contains("accuracy", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_data_is_an_error_with_a_name()
    {
        using RowsClassifier model = Model();
        Assert.Contains("training data", Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([])).Message, StringComparison.Ordinal);
        Assert.Contains("validation data", Assert.Throws<TrainingDataException>(() => FineTuner.For(model).ValidateOn([]).Train(Data(4))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rates_fall_with_depth_and_biases_do_not_decay()
    {
        using RowsClassifier model = Model();
        IReadOnlyList<ParameterGroup> groups = ParameterGroup.Of(model.Weights, new TrainingOptions { LayerDecay = 0.5 });
        Assert.All(groups, group => Assert.All(group.Weights, weight =>
        {
            Assert.Equal(Math.Pow(0.5, Math.Max(0, 3 - weight.Depth)), group.RateFactor);
            Assert.Equal(weight.Kind is WeightKind.Bias or WeightKind.Norm ? 0 : 0.01, group.Decay);
        }));
        Assert.Equal(model.Weights.Count, groups.Sum(group => group.Weights.Count));
    }

    [Fact]
    public void The_report_is_one_page_that_needs_nothing_else()
    {
        using RowsClassifier model = Model();
        TrainingResult result = FineTuner.For(model).Epochs(2).BatchSize(8).ValidateOn(Data(10)).Train(Data(20));
        string path = Path.GetTempFileName();
        result.SaveReport(path);
        string page = File.ReadAllText(path);
        File.Delete(path);
        Assert.Contains("Confusion matrix", page, StringComparison.Ordinal);
        Assert.Contains("<svg", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }
}
