using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Testing.Tests.Laws;

/// <summary>The laws about runs.</summary>
public sealed class RunLawTests : IDisposable
{
    private readonly TinyCheckpoint _checkpoint = TinyCheckpoint.Encoder(Words.Texts);

    public void Dispose() => _checkpoint.Dispose();

    private TextClassifier<string> Plain() => Classifier(0);

    private TextClassifier<string> Dropping() => Classifier(0.2);

    private TextClassifier<string> Classifier(double dropout) =>
        Pretrained.TextClassifier(_checkpoint.Folder, new TextClassifierOptions<string> { Labels = Words.Labels, FreshHead = true, Dropout = dropout });

    private TokenClassifier Tagger() => Pretrained.TokenClassifier(_checkpoint.Folder, ["PER", "LOC"], new TokenClassifierOptions { FreshHead = true, Dropout = 0 });

    [Fact]
    public void Accumulated_is_whole()
    {
        FineTuneAssert.AccumulationInvariant(Plain, Words.Reviews);
        FineTuneAssert.AccumulationInvariant(Tagger, Words.Sentences);
    }

    [Fact]
    public void Steps_are_means_that_do_not_know_each_other()
    {
        FineTuneAssert.DuplicationInvariant(Plain, Words.Reviews);
        FineTuneAssert.StepsCompose(Plain, Words.Reviews);
    }

    [Fact]
    public void Frozen_means_frozen()
    {
        FineTuneAssert.FrozenMeansFrozen(Dropping, Words.Reviews, weights => weights.Embeddings(), weight => weight.Depth == 0);
        FineTuneAssert.FrozenMeansFrozen(Dropping, Words.Reviews, weights => weights.Layers(..1), weight => weight.Depth == 1);
        FineTuneAssert.FrozenMeansFrozen(Dropping, Words.Reviews, weights => weights.Trunk(), weight => weight.Depth < 3);
        FineTuneAssert.FrozenMeansFrozen(Dropping, Words.Reviews, weights => weights.Kind(WeightKind.Bias), weight => weight.Kind == WeightKind.Bias);
    }

    [Fact]
    public void Unfreezing_goes_from_the_top() => FineTuneAssert.UnfreezesGradually(Dropping, Words.Reviews);

    [Fact]
    public void Recipes_mean_what_they_say()
    {
        FineTuneAssert.ClippingBoundsSteps(Plain, Words.Reviews);
        FineTuneAssert.DecayIsDecoupled(Plain, Words.Reviews);
        FineTuneAssert.LowerLayersMoveLess(Plain, Words.Reviews);
        FineTuneAssert.RatesFollow(Plain, Words.Reviews, Schedule.Linear(2), 0.5, 1, 1, 0.75, 0.5, 0.25);
    }

    [Fact]
    public void Layers_that_are_computed_again_drop_the_same() => FineTuneAssert.RecomputationInvariant(Dropping, Words.Reviews);

    [Fact]
    public void Runs_repeat_and_draw()
    {
        FineTuneAssert.Repeats(Dropping, Words.Reviews);
        FineTuneAssert.DrawsAnew(Dropping, Words.Reviews);
        FineTuneAssert.DrawsAnew(() => Pretrained.MaskedLanguageModel(_checkpoint.Folder, new MaskedLanguageOptions { Dropout = 0 }), [.. Words.Reviews.Select(review => review.Text)]);
        FineTuneAssert.SeesEveryRow(Plain, Words.Reviews);
    }

    [Fact]
    public void A_run_that_was_killed_goes_on()
    {
        FineTuneAssert.Resumes(Dropping, Words.Reviews);
        FineTuneAssert.Resumes(Dropping, Words.Reviews, tuner => tuner.WithOptimizer(Optimizer.NAdam(2e-3)).WithScheduler(Schedule.Cosine(2)).WithWeightAverage(0.9)
            .ValidateOn(Words.Reviews).EvaluateEvery(EvaluationInterval.Steps(1)).With(options => options with { Metric = "loss" }));
    }

    [Fact]
    public void The_best_is_kept()
    {
        // Learns what the validation data contradicts: the loss there falls before it rises.
        LabeledText<string>[] contrary = [.. Words.Reviews.Select((review, i) => i % 3 == 0 ? review with { Label = "neither" } : review)];
        FineTuneAssert.KeepsTheBest(Plain, Words.Reviews, contrary, "loss");
        FineTuneAssert.KeepsTheBest(Plain, Words.Reviews, contrary, "accuracy");
    }
}
