using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>What is said of a run's memory before it begins.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class EstimateTests
{
    private const string Config = """
        {"model_type":"bert","vocab_size":400,"hidden_size":128,"num_hidden_layers":6,"num_attention_heads":4,"intermediate_size":512,
         "max_position_embeddings":256,"type_vocab_size":2,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    private static RowsClassifier Model() => new(OutputHead.Create(Config, HeadKind.SequenceClassification, 3));

    private static IdsWithLabel[] Data(int count, int length) => [.. Enumerable.Range(0, count).Select(i => new IdsWithLabel([.. Enumerable.Range(1, length - (i % 3))], i % 3))];

    [Fact]
    public void An_estimate_counts_weights_and_leaves_the_model_as_it_was()
    {
        using RowsClassifier model = Model();
        float[] before = TinyRun.Values(model);
        IdsWithLabel[] data = Data(40, 64);
        FineTuner<IdsWithLabel> tuner = FineTuner.For(model).BatchSize(16).Epochs(2).ValidateOn(data);
        MemoryEstimate estimate = tuner.Estimate(data), frozen = tuner.Freeze(l => l.Embeddings().Layers(..5)).Estimate(data);
        long bytes = model.Weights.ParameterCount() * sizeof(float);
        Assert.Equal((bytes, 2 * bytes, bytes), (estimate.Gradients, estimate.OptimizerState, estimate.Copies));
        Assert.Equal((16, 64), (estimate.Rows, estimate.Tokens));
        Assert.True(estimate.Peak >= estimate.Present + (4 * bytes), estimate.ToString());
        Assert.True(frozen.Training < estimate.Training / 2, $"{frozen}; {estimate}");
        Assert.Equal(before, TinyRun.Values(model));
        Assert.All(model.Weights, weight => Assert.True(weight.IsTrainable && weight.Value.grad is null));
        Assert.Equal(0, FineTuner.For(model).Epochs(1).Estimate(data).Copies);
        Assert.Equal(bytes, FineTuner.For(model).Epochs(1).WithWeightAverage().Estimate(data).Copies);
        // A checkpoint is written from a copy of weights, two moments and best weights, beside the best weights themselves.
        string folder = KilledRun.NewFolder();
        Assert.Equal(bytes + (4 * bytes), tuner.CheckpointTo(folder, every: 2).Estimate(data).Copies);
        Assert.Equal(3 * bytes, FineTuner.For(model).BatchSize(16).Epochs(2).CheckpointTo(folder, every: 2).Estimate(data).Copies);
        // The last checkpoint is written when nothing is computed any more.
        Assert.Equal(0, FineTuner.For(model).BatchSize(16).Epochs(2).CheckpointTo(folder, every: 500).Estimate(data).Copies);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void A_budget_chooses_micro_batches_and_then_checkpointing_and_keeps_the_effective_batch()
    {
        using RowsClassifier model = Model();
        IdsWithLabel[] data = Data(64, 128);
        FineTuner<IdsWithLabel> tuner = FineTuner.For(model).BatchSize(32, accumulation: 2).Steps(2);
        MemoryEstimate estimate = tuner.Estimate(data);
        Assert.True(estimate.Fits(estimate.Peak) && !estimate.Fits(estimate.Peak - 1));
        Assert.True(estimate.LargestBatch(estimate.Peak) >= 32);
        Assert.Equal(0, estimate.LargestBatch(estimate.Present));
        long quarter = estimate.Fixed + (estimate.Training / 3);
        int rows = estimate.LargestBatch(quarter);
        Assert.InRange(rows, 1, 16);
        Assert.True(estimate.LargestBatch(quarter, gradientCheckpointing: true) > rows, estimate.ToString());
        TrainingOptions fitted = RecipeFitting.Into(tuner.Options, estimate, quarter);
        Assert.Equal(64, fitted.BatchSize * fitted.Accumulation);
        Assert.InRange(fitted.BatchSize, 1, rows);
        Assert.Empty(fitted.GradientCheckpointing.Rules);
        Assert.Contains("does not fit", Assert.Throws<InvalidOptionsException>(() => RecipeFitting.Into(tuner.Options, estimate, estimate.Present)).Message, StringComparison.Ordinal);
        Assert.Same(tuner.Options, RecipeFitting.Into(tuner.Options, estimate, long.MaxValue));
        TrainingOptions tokens = RecipeFitting.Into(tuner.TokenBudget(4096).Options, estimate, quarter);
        Assert.True(tokens.TokenBudget < 4096 && tokens.Accumulation > 2);
        Assert.Equal(64, tuner.FitInto(data).Options.BatchSize * 2);
    }

    [Fact]
    public void Where_a_single_row_does_not_fit_layers_are_computed_again()
    {
        BatchMemory Even(long each) => new(new(0, each), new(0, each));
        var estimate = new MemoryEstimate(Even(100), Even(40)) { Present = 1000, Training = 1600, Rows = 16, Tokens = 8 };
        TrainingOptions options = new() { BatchSize = 16 };
        Assert.Empty(RecipeFitting.Into(options, estimate, 1100).GradientCheckpointing.Rules);
        TrainingOptions fitted = RecipeFitting.Into(options, estimate, 1099);
        Assert.NotEmpty(fitted.GradientCheckpointing.Rules);
        Assert.Equal((2, 8), (fitted.BatchSize, fitted.Accumulation));
        Assert.Throws<InvalidOptionsException>(() => RecipeFitting.Into(options, estimate, 1039));
    }

    [Theory]
    [InlineData(16, 1, false)]
    [InlineData(8, 2, false)]
    [InlineData(16, 1, true)]
    public void A_run_takes_what_was_estimated(int rows, int accumulation, bool again)
    {
        using RowsClassifier model = Model();
        IdsWithLabel[] data = Data(64, 128);
        FineTuner<IdsWithLabel> tuner = FineTuner.For(model).BatchSize(rows, accumulation).Steps(4).ValidateOn(data[..16]).EvaluateEvery(EvaluationInterval.Steps(2));
        if (again) tuner = tuner.WithGradientCheckpointing();
        MemoryEstimate estimate = tuner.Estimate(data);
        long rise = ProcessMemory.Rise(() => tuner.Train(data)), forecast = estimate.Peak - estimate.Present;
        // What the heap keeps in pieces is a fifth at this size, in either; a part that is forgotten or counted twice is more.
        Assert.True(forecast / (double)rise is > 0.6 and < 1.6, $"{rise >> 20} MB were taken, {forecast >> 20} MB forecast: {estimate}");
    }

    [Fact]
    public void Checkpointing_takes_less_memory()
    {
        // One layer's insides are there at a time, of twelve; what the run holds besides is in both, so that half is not exact.
        using RowsClassifier model = new(OutputHead.Create(Config.Replace("\"num_hidden_layers\":6", "\"num_hidden_layers\":12", StringComparison.Ordinal), HeadKind.SequenceClassification, 3));
        IdsWithLabel[] data = Data(16, 128);
        long Rise(bool again)
        {
            FineTuner<IdsWithLabel> tuner = FineTuner.For(model).BatchSize(16).Steps(1);
            if (again) tuner = tuner.WithGradientCheckpointing();
            return ProcessMemory.Rise(() => tuner.Train(data));
        }
        Rise(false);
        long plain = Rise(false), less = Rise(true);
        Assert.True(less < 0.7 * plain, $"{less >> 20} MB with, {plain >> 20} MB without");
    }
}
