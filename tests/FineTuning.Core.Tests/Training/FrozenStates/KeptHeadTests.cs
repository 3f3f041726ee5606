using System.Reflection;
using FineTuning.Examples;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Tests.Heads;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Every head that there is, found by reflection, learns from kept states what it learns without.</summary>
public sealed class KeptHeadTests
{
    private const int Rows = 6;

    public static TheoryData<string> Heads() => EveryHead.Names();

    public static TheoryData<string> Losses() => EveryHead.Losses();

    [Theory]
    [MemberData(nameof(Heads))]
    public void A_head_learns_the_same(string name)
    {
        FineTuningRuntime.Load();
        using var samples = new Samples();
        Compare(() => EveryHead.Of(name, samples), samples);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_similarity_loss_learns_the_same(string name)
    {
        using var samples = new Samples();
        var encoders = new Stack<SentenceEncoder>();
        TunableModel Make()
        {
            encoders.Push(TinySentences.Encoder());
            return EveryHead.WithLoss(name, encoders.Peek());
        }
        Compare(Make, samples);
        while (encoders.TryPop(out SentenceEncoder? encoder)) encoder.Dispose();
    }

    private static void Compare(Func<TunableModel> make, Samples samples) =>
        typeof(KeptHeadTests).GetMethod(nameof(CheckSamples), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(EveryHead.ExampleOf(make().GetType()))
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [make, samples], null);

    private static void CheckSamples<TExample>(Func<TunableModel> make, Samples samples) =>
        Check(make, [.. Enumerable.Range(0, Rows).Select(_ => (TExample)samples.Of(typeof(TExample), "example")!)]);

    private static void Check<TExample>(Func<TunableModel> make, TExample[] data)
    {
        bool any = false;
        foreach (Func<WeightFilter, WeightFilter> frozen in new Func<WeightFilter, WeightFilter>[] { l => l.Trunk(), l => l.Embeddings().Layers(..1) })
        {
            using var plain = (TunableModel<TExample>)make();
            using var kept = (TunableModel<TExample>)make();
            if (plain.Weights.All(weight => frozen(new WeightFilter()).Matches(weight, plain.Weights.HeadDepth))) continue;
            any = true;
            FineTuner<TExample> Tuner(TunableModel<TExample> model) =>
                FineTuner.For(model).Freeze(frozen).Epochs(3).BatchSize(4).WithOptimizer(Optimizer.Sgd(0.05)).ValidateOn(data[..3])
                    .With(o => o with { Metric = "loss" });
            TrainingResult expected = Tuner(plain).WithoutFrozenStates().Train(data), actual = Tuner(kept).Train(data);
            Assert.All(plain.Weights.Zip(kept.Weights), pair =>
                Assert.All(pair.First.Value.detach().data<float>().ToArray().Zip(pair.Second.Value.detach().data<float>().ToArray()), each => Assert.Equal(each.First, each.Second, 1e-5)));
            Assert.All(expected.Evaluations.Zip(actual.Evaluations), pair => Assert.Equal(pair.First.Metrics["loss"], pair.Second.Metrics["loss"], 1e-4));
            FrozenStateUse use = Assert.Single(actual.FrozenStates);
            if (kept.WhyInputsChange is { } reason) Assert.Equal(reason, use.NotKept);
            else Assert.True(use is { NotKept: null, Missed: 0, Rows: > 0 }, use.ToString());
        }
        Assert.True(any, "nothing trains above a frozen trunk");
    }

    [Fact]
    public void Preferences_learn_the_same()
    {
        using var samples = new Samples();
        PreferencePair[] pairs = [.. Enumerable.Range(0, 6).Select(i => new PreferencePair("a b", string.Join(' ', Enumerable.Repeat("c", 1 + i)), i % 2 == 0 ? "a" : "b a"))];
        UnpairedPreference[] single = [.. Enumerable.Range(0, 6).Select(i => new UnpairedPreference("a b", string.Join(' ', Enumerable.Repeat("c", 1 + i)), i % 2 == 0))];
        CausalLanguageModel Model() => (CausalLanguageModel)samples.Of(typeof(CausalLanguageModel), "this")!;
        Check(() => Model().With(PreferenceLoss.Dpo()), pairs);
        Check(() => Model().With(PreferenceLoss.Kto()), single);
        Check(() => Model().With(PreferenceLoss.SimPo()), pairs);
    }

    [Fact]
    public void Masks_that_are_drawn_in_every_epoch_are_not_kept_and_that_is_said()
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Goldens.Starter, new MaskedLanguageOptions { MaximumLength = 16 });
        TrainingResult result = FineTuner.For(model).Freeze(l => l.Embeddings().Layers(..1)).Epochs(3).Train(["please reset my password", "the order never arrived"]);
        Assert.Contains("draws its inputs", Assert.Single(result.FrozenStates).NotKept, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_tasks_on_one_trunk_learn_the_same_and_share_what_is_kept()
    {
        string[] words = ["please", "reset", "my", "password", "anna", "paid", "the", "invoice"];
        string Text(int i) => string.Join(' ', Enumerable.Range(0, 3 + (i % 4)).Select(k => words[(i + k) % words.Length]));
        LabeledText<string>[] moods = [.. Enumerable.Range(0, 16).Select(i => new LabeledText<string>(Text(i), i % 3 == 0 ? "good" : "bad"))];
        TaggedText[] names = [.. Enumerable.Range(0, 8).Select(i => (TaggedText)new TaggedWords(Text(i).Split(' '), [.. Text(i).Split(' ').Select(word => word == "anna" ? "B-PER" : "O")]))];
        (float[] Values, TrainingResult Run) Tuned(bool keeps)
        {
            using Trunk trunk = Pretrained.Trunk(Goldens.Starter);
            using TextClassifier<string> mood = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
            using TokenClassifier tagger = Pretrained.TokenClassifier(trunk, ["PER"]);
            MultiTaskResult result = FineTuner.For(trunk).Task("mood", mood, moods, moods[..4]).Task("names", tagger, names, names[..4])
                .With(o => o with { Epochs = 3, BatchSize = 4, Optimizer = Optimizer.Sgd(0.05), Frozen = new WeightFilter().Embeddings().Layers(..^1), FrozenStates = keeps ? new() : null }).Train();
            return ([.. mood.Weights.Concat(tagger.Weights).SelectMany(weight => weight.Value.detach().data<float>().ToArray())], result.Run);
        }
        (float[] expected, _) = Tuned(false);
        (float[] actual, TrainingResult run) = Tuned(true);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        FrozenStateUse use = Assert.Single(run.FrozenStates);
        Assert.Null(use.NotKept);
        // Both heads read all tokens of the layer below: a text of both tasks is kept once.
        Assert.Equal(moods.Select(row => row.Text).Concat(names.Cast<TaggedWords>().Select(row => string.Join(' ', row.Words))).Distinct().Count(), use.Rows);
    }
}
