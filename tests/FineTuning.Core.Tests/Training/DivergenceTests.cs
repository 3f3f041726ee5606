using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>A loss that is NaN in chosen passes, one that leaps, and code of the user that throws.</summary>
public sealed class DivergenceTests
{
    [Fact]
    public void Without_a_policy_the_run_ends_with_the_step_and_what_was_trained_is_reachable()
    {
        using FaultyClassifier model = Model(pass => pass == 5);
        var failure = Assert.Throws<DivergedException>(() => Tuner(model).Train(TinyRun.Data(10)));
        TrainingFailure found = TrainingFailure.Of(failure)!;
        Assert.Equal((5, 5, StopReason.Failed), (failure.Step, found.Step, found.Partial.StopReason));
        Assert.Equal(4, found.Partial.History.Count);
    }

    [Fact]
    public void A_step_that_diverges_is_left_out_and_the_others_are_as_if_it_had_no_gradient()
    {
        using FaultyClassifier model = Model(pass => pass == 5), untouched = Model(_ => false);
        string? before = null, after = null;
        TrainingResult result = Tuner(model).SkipDivergedSteps(1).OnProgress(progress =>
        {
            if (progress.Step == 4) before = WeightHash.Of(model.Weights);
        }).OnEvaluation(entry => after = entry.Step == 5 ? WeightHash.Of(model.Weights) : after).EvaluateEvery(EvaluationInterval.Steps(5)).Train(TinyRun.Data(10));
        Assert.NotNull(before);
        Assert.Equal(before, after);
        Assert.Equal(8, result.Steps);
        Assert.Equal(0, result.History[4].Loss);
        Assert.Single(result.Warnings, warning => warning.Contains("in step 5 the loss is NaN; training records", StringComparison.Ordinal));
        TrainingResult whole = Tuner(untouched).EvaluateEvery(EvaluationInterval.Steps(5)).Train(TinyRun.Data(10));
        Assert.Equal(whole.History.Take(4), result.History.Take(4));
        using FaultyClassifier often = Model(pass => pass is 3 or 4);
        Assert.Equal(4, Assert.Throws<DivergedException>(() => Tuner(often).SkipDivergedSteps(1).Train(TinyRun.Data(10))).Step);
    }

    [Fact]
    public void A_run_goes_back_to_its_last_good_state_with_a_lower_rate()
    {
        using FaultyClassifier model = Model(pass => pass == 6);
        TrainingResult result = Tuner(model).ReturnWhenDiverged(0.25, most: 1, every: 2).Train(TinyRun.Data(10));
        Assert.Equal(8, result.Steps);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], result.History.Select(step => step.Step));
        Assert.Contains("in step 6 the loss is NaN", Assert.Single(result.Warnings, warning => warning.Contains("went back to step 4", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.All(result.History.Skip(4), step => Assert.Equal(1e-2 * 0.25, step.LearningRate, 1e-12));
        Assert.All(result.History.Take(4), step => Assert.Equal(1e-2, step.LearningRate, 1e-12));
        using FaultyClassifier often = Model(pass => pass is 6 or 8);
        Assert.Throws<DivergedException>(() => Tuner(often).ReturnWhenDiverged(0.25, most: 1, every: 2).Train(TinyRun.Data(10)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_policy_knows_is_resumed(bool returns)
    {
        FineTuner<IdsWithLabel> Recipe(FineTuner<IdsWithLabel> tuner) => returns ? Common(tuner).ReturnWhenDiverged(0.25, most: 1, every: 2) : Common(tuner).SkipDivergedSteps(1);
        string folder = KilledRun.NewFolder();
        try
        {
            // Diverges in one pass; the resumed model, whose passes are counted anew, in none: what went before is in the state.
            using FaultyClassifier whole = Model(pass => pass == 3), killed = Model(pass => pass == 3), fresh = Model(_ => false);
            TrainingResult expected = Recipe(FineTuner.For(whole)).Train(TinyRun.Data(10));
            Assert.Throws<KilledException>(() => Recipe(FineTuner.For(killed)).CheckpointTo(folder, 2).OnProgress(progress =>
            {
                if (progress.Step == 6) throw new KilledException();
            }).Train(TinyRun.Data(10)));
            TrainingResult actual = Recipe(FineTuner.For(fresh)).CheckpointTo(folder, 2).Resume().Train(TinyRun.Data(10));
            Assert.Equal(expected.History, actual.History);
            Assert.Equal(WeightHash.Of(whole.Weights), WeightHash.Of(fresh.Weights));
            Assert.Equal(expected.Warnings, actual.Warnings);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_state_that_diverged_pushes_no_good_checkpoint_out()
    {
        string folder = KilledRun.NewFolder();
        using FaultyClassifier model = Model(pass => pass == 6);
        var failure = Assert.Throws<DivergedException>(() => Tuner(model).CheckpointTo(folder, 2, keepLast: 1).WithCheckpoints(settings => settings with { Waits = true }).Train(TinyRun.Data(10)));
        Assert.Equal([4], new CheckpointFolder(folder, LocalDisk.Instance).Steps());
        Assert.Equal(KilledRun.PathOf(folder, 4), TrainingFailure.Of(failure)!.Partial.Checkpoint);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_crash_of_the_users_loss_is_the_users_own_exception_with_the_step()
    {
        var own = new KilledException();
        using FaultyClassifier model = Model(pass => pass == 4 ? throw own : false);
        string folder = KilledRun.NewFolder();
        Assert.Same(own, Assert.Throws<KilledException>(() => Tuner(model).CheckpointTo(folder, 100).Train(TinyRun.Data(10))));
        TrainingFailure failure = TrainingFailure.Of(own)!;
        Assert.Equal((4, 3, KilledRun.PathOf(folder, 3)), (failure.Step, failure.Partial.Steps, failure.Partial.Checkpoint));
        Assert.Null(TrainingFailure.Of(new InvalidOperationException()));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_leap_of_the_loss_is_reported_with_its_step()
    {
        LossLeaps leaps = default;
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            double loss = 1 + (0.5 * random.NextDouble());
            Assert.False(leaps.IsLeap(loss));
            leaps = leaps.With(loss);
        }
        Assert.Equal(1.25, leaps.Mean, 0.05);
        Assert.Equal(0.5 / Math.Sqrt(12), Math.Sqrt(leaps.Variance), 0.02);
        Assert.True(leaps.IsLeap(4));
        Assert.Equal(1, leaps.With(4).Count);
        Assert.Equal(leaps.Mean, leaps.With(4).Mean);
        Assert.False(default(LossLeaps).With(1).IsLeap(100));
    }

    private static FaultyClassifier Model(Func<int, bool> isNaN) => new(isNaN);

    private static FineTuner<IdsWithLabel> Tuner(FaultyClassifier model) => Common(FineTuner.For(model));

    private static FineTuner<IdsWithLabel> Common(FineTuner<IdsWithLabel> tuner) =>
        tuner.WithOptimizer(Optimizer.AdamW(1e-2)).WithScheduler(Schedule.Constant()).Steps(8).BatchSize(4).ValidateOn(TinyRun.Data(6, 2));

    /// <summary>Its loss is NaN in chosen training passes, counted from 1 after the rehearsal.</summary>
    private sealed class FaultyClassifier(Func<int, bool> isNaN)
        : RowsClassifier(OutputHead.Create(TinyRun.Config, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Seed = 7 }))
    {
        private int _passes;

        public override double AddGradients(Batch batch, ForwardContext context)
        {
            double sum = base.AddGradients(batch, context);
            return isNaN(_passes++) ? double.NaN : sum;
        }
    }
}
