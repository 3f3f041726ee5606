using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>A recipe is a value: stored, read and compared.</summary>
public sealed class RecipeTests
{
    private static readonly Optimizer[] Optimizers =
    [
        Optimizer.AdamW(), Optimizer.Adam(amsGrad: true), Optimizer.Sgd(0.1, 0.9, 0.1, true), Optimizer.RmsProp(), Optimizer.Adagrad(), Optimizer.RAdam(), Optimizer.NAdam(), Optimizer.Adafactor(null),
        Optimizer.Lion(),
    ];

    private static readonly Schedule[] Schedules =
    [
        Schedule.Constant(), Schedule.Linear(0.06), Schedule.Cosine(10, 0.1, 1), Schedule.CosineWithRestarts(3, 0.1), Schedule.WarmRestarts(5, 2, 0.1), Schedule.Polynomial(2, 0.1, 3),
        Schedule.InverseSquareRoot(4, 100), Schedule.WarmupStableDecay(0.2, 5), Schedule.OneCycle(), Schedule.Exponential(0.9), Schedule.Step(2, 0.5), Schedule.Plateau(),
        Schedule.Linear(7) with { ZeroFirstStep = true }, new RangeSchedule(0.01),
    ];

    private static TrainingOptions Full() => new()
    {
        Optimizer = Optimizer.Lion(), Schedule = Schedule.Cosine(5), Epochs = 3, TimeLimit = TimeSpan.FromMinutes(5), TokenBudget = 1000, Precision = Precision.BFloat16,
        Frozen = new WeightFilter().Embeddings().Layers(..4).Layers(^2..).Layer(^1).Named("*.bias").Kind(WeightKind.Norm).Trunk(), UnfreezeEvery = 2, LayerDecay = 0.9,
        RateFactors = [new RateFactor(new WeightFilter().Named("head.*"), 10)], EvaluateEvery = EvaluationInterval.Share(0.5), Metric = "f1_macro", EarlyStopping = new(2, 0.1) { Smoothing = 0.3 }, ClipNorm = null,
        Features = [new StartingPointPenalty(0.1, 0.01), new Mixout(0.5), new AdversarialEmbeddings(), new NoisyEmbeddings(), new DropoutConsistency(), new ReinitialisedLayers(), new GreedySoup(4), new StateMixup(0.3),
            new Augmenting(0.4) { Augmentations = [Augmentation.Words(), Augmentation.Characters(), Augmentation.Entities()] }, new FineTuning.Strategies.ContinuedTraining(0.1, 100), new FineTuning.Strategies.StableWeights(0.2), new FineTuning.Strategies.MultiTaskTraining(FineTuning.Strategies.TaskSampling.Annealed, FineTuning.Strategies.TaskBalancing.GradientNorms()), new WeightAverage(0.99), new RowKeeping("rows"), new FineTuning.Strategies.AdaptiveRevision(0.25), new FineTuning.Strategies.GradientNoise(4),
            new FineTuning.Strategies.TaskAdapterTuning { Tasks = [new("mood", FineTuning.Adapters.AdapterConfig.Write(FineTuning.Adapters.Adapter.Lora(), null))] }, new DivergenceGuard(3, 0.5), new RangeTest.RangeStop(4), new CheckpointSettings("runs/a") { Origin = new("runs/b", 3, AcceptedChanges.Recipe | AcceptedChanges.Data, true) }, new AdapterTuning("one", FineTuning.Adapters.AdapterConfig.Write(FineTuning.Adapters.Adapter.Lora(), null))],
    };

    [Fact]
    public void What_is_written_and_read_equals_what_there_was()
    {
        TrainingOptions[] recipes = [new(), Full(), .. Optimizers.Select(optimizer => new TrainingOptions { Optimizer = optimizer }), .. Schedules.Select(schedule => new TrainingOptions { Schedule = schedule })];
        foreach (TrainingOptions recipe in recipes)
        {
            TrainingOptions read = TrainingOptions.FromJson(recipe.ToJson());
            Assert.Equal(recipe, read);
            Assert.Equal(recipe.GetHashCode(), read.GetHashCode());
            Assert.Equal(recipe.ToJson(), read.ToJson());
        }
        Assert.Equal(recipes.Length, recipes.Distinct().Count() + 2);
    }

    [Fact]
    public void Every_optimizer_schedule_and_feature_of_the_library_is_in_these_tests()
    {
        Type[] kinds = [.. typeof(Optimizer).Assembly.GetTypes().Where(type => !type.IsAbstract && (type.IsSubclassOf(typeof(Optimizer)) || type.IsSubclassOf(typeof(Schedule)) || type.IsSubclassOf(typeof(RunFeature))))];
        Assert.Empty(kinds.Except([.. Optimizers.Select(optimizer => optimizer.GetType()), .. Schedules.Select(schedule => schedule.GetType()), .. Full().Features.Select(feature => feature.GetType())]));
    }

    [Fact]
    public void Equal_settings_are_equal_and_any_other_setting_is_not()
    {
        Assert.Equal(Full(), Full());
        Assert.NotEqual(Full(), Full() with { Frozen = new WeightFilter().Embeddings() });
        Assert.NotEqual(Full(), Full() with { RateFactors = [] });
        Assert.NotEqual(Full(), Full() with { Features = [new WeightAverage(0.9)] });
        Assert.NotEqual(new WeightFilter().Layers(..4), new WeightFilter().Layers(..5));
        Assert.Equal(Schedule.Linear(0.1), Schedule.Linear() with { Warmup = 0.1 });
    }

    [Theory]
    [InlineData("", "no recipe")]
    [InlineData("null", "null")]
    [InlineData("{\"batchSize\":", "no recipe")]
    [InlineData("{\"bachSize\":3}", "bachSize")]
    [InlineData("{\"optimizer\":null}", "optimizer")]
    [InlineData("{\"optimizer\":{\"type\":\"magic\"}}", "magic")]
    [InlineData("{\"frozen\":{\"rules\":[{\"type\":\"names\"}]}}", "rule")]
    public void Any_other_text_is_refused_with_what_was_wrong(string json, string part) =>
        Assert.Contains(part, Assert.Throws<InvalidOptionsException>(() => TrainingOptions.FromJson(json)).Message, StringComparison.OrdinalIgnoreCase);
}
