using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Testing.Tests.Faults;

/// <summary>A law that cannot be broken is none: models with one fault each, and the law that names it.</summary>
public sealed class FaultTests
{
    private static readonly ScoredText[] Data = [new("good", 1), new("a rather good film", 0.8), new("bad", -1), new("it was bad", -0.7), new("so so", 0), new("fine", 0.5)];

    private static readonly string[] Texts = [.. Data.Select(example => example.Text)];

    private static FaultyModel Model(Fault fault = Fault.None) => new(fault);

    private static void Broken(string law, string where, Action check)
    {
        LawBrokenException broken = Assert.Throws<LawBrokenException>(check);
        Assert.Equal(law, broken.Law);
        Assert.Contains(where, broken.Where, StringComparison.Ordinal);
        Assert.Contains(broken.Expected, broken.Message, StringComparison.Ordinal);
        Assert.Contains(broken.Found, broken.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_fault_keeps_every_law()
    {
        using FaultyModel model = Model();
        FineTuneAssert.PaddingInvariant(model, Data);
        FineTuneAssert.TargetsAddUp(model, Data);
        FineTuneAssert.WeightMeansRepetition(model, Data, (example, weight) => example with { Weight = weight });
        FineTuneAssert.CountsWhatItCuts(model, new ScoredText(new string('a', 50), 1));
        FineTuneAssert.GradientsMatchDifferences(model, Data);
        FineTuneAssert.EveryWeightLearns(model, Data);
        FineTuneAssert.EvaluatesItsLoss(model, Data);
        FineTuneAssert.LossIs(model, Data, example => Math.Pow(model.Predict(example.Text) - example.Score, 2));
        FineTuneAssert.BatchInvariant(model, Texts);
        FineTuneAssert.ConcurrencyInvariant(model, Texts);
        FineTuneAssert.RefusesNonFinite(model, () => model.Predict("good"));
        FineTuneAssert.RefusedWhileTraining(model, Data, () => model.Predict("good"));
        FineTuneAssert.OverfitsOneBatch(model, Data, example => Math.Abs(model.Predict(example.Text) - example.Score) < 0.4, steps: 300, learningRate: 0.05);
        FineTuneAssert.AccumulationInvariant(() => Model(), Data);
        FineTuneAssert.DuplicationInvariant(() => Model(), Data);
        FineTuneAssert.StepsCompose(() => Model(), Data);
        FineTuneAssert.SeesEveryRow(() => Model(), Data);
        FineTuneAssert.Repeats(() => Model(), Data);
        FineTuneAssert.Resumes(() => Model(), Data);
        FineTuneAssert.KeepsTheBest(() => Model(), Data, Data, "loss");
        FineTuneAssert.FrozenMeansFrozen(() => Model(), Data, weights => weights.Named("0.*"), weight => weight.Name.StartsWith("0.", StringComparison.Ordinal));
    }

    [Fact]
    public void Each_fault_is_named_by_a_law()
    {
        using (FaultyModel model = Model(Fault.CountsPadding)) Broken("PaddingInvariant", "padded to 18", () => FineTuneAssert.PaddingInvariant(model, Data));
        using (FaultyModel model = Model(Fault.MeanLoss)) Broken("PaddingInvariant", "a batch of 6 rows", () => FineTuneAssert.PaddingInvariant(model, Data));
        using (FaultyModel model = Model(Fault.CountsTargetsTwice)) Broken("TargetsAddUp", "a batch", () => FineTuneAssert.TargetsAddUp(model, Data));
        using (FaultyModel model = Model(Fault.IgnoresWeights))
            Broken("WeightMeansRepetition", "example 0", () => FineTuneAssert.WeightMeansRepetition(model, Data, (example, weight) => example with { Weight = weight }));
        using (FaultyModel model = Model(Fault.WrongGradient)) Broken("GradientsMatchDifferences", "weight '", () => FineTuneAssert.GradientsMatchDifferences(model, Data));
        using (FaultyModel model = Model(Fault.IdleWeight)) Broken("EveryWeightLearns", "weight '", () => FineTuneAssert.EveryWeightLearns(model, Data));
        using (FaultyModel model = Model(Fault.EvaluatesOtherwise)) Broken("EvaluationIs", "'loss'", () => FineTuneAssert.EvaluatesItsLoss(model, Data));
        using (FaultyModel model = Model(Fault.AnswersInReverse)) Broken("BatchInvariant", "input 0", () => FineTuneAssert.BatchInvariant(model, Texts));
        using (FaultyModel model = Model(Fault.ForgetsWhatItSaw)) Broken("ConcurrencyInvariant", "thread", () => FineTuneAssert.ConcurrencyInvariant(model, Texts));
        using (FaultyModel model = Model(Fault.ForgetsWhatItSaw)) Broken("CountsWhatItCuts", "40 tokens", () => FineTuneAssert.CountsWhatItCuts(model, new ScoredText(new string('a', 50), 1)));
        using (FaultyModel model = Model(Fault.AnswersNaN)) Broken("RefusesNonFinite", "NaN", () => FineTuneAssert.RefusesNonFinite(model, () => model.Predict("good")));
        using (FaultyModel model = Model()) Broken("RefusedWhileTraining", "a question", () => FineTuneAssert.RefusedWhileTraining(model, Data, () => { }));
        using (FaultyModel model = Model()) Broken("LossIs", "example 0", () => FineTuneAssert.LossIs(model, Data, _ => -1));
        using (FaultyModel model = Model()) Broken("OverfitsOneBatch", "example 0", () => FineTuneAssert.OverfitsOneBatch(model, Data, _ => false));
        using (FaultyModel model = Model()) Broken("OverfitsOneBatch", "the loss after 2 steps", () => FineTuneAssert.OverfitsOneBatch(model, Data, steps: 2, share: 0.01));
        Broken("AccumulationInvariant", "parts of a batch", () => FineTuneAssert.AccumulationInvariant(() => Model(Fault.MeanLoss), [.. Data.Take(4)]));
        Broken("DuplicationInvariant", "every example twice", () => FineTuneAssert.DuplicationInvariant(() => Model(Fault.MeanLoss), Data));
        Broken("FrozenMeansFrozen", "weight '0.", () => FineTuneAssert.FrozenMeansFrozen(() => Model(), Data,
            weights => weights.Named("2.*"), weight => weight.Name.StartsWith("0.", StringComparison.Ordinal)));
        Broken("DecayIsDecoupled", "with decay", () => FineTuneAssert.DecayIsDecoupled(Biased, Data));
        Broken("RatesFollow", "step 2", () => FineTuneAssert.RatesFollow(() => Model(), Data, Schedule.Constant(), 1, 0.5));
        Broken("KeepsNothingStale", "after training", () =>
        {
            int weights = 1;
            FineTuneAssert.KeepsNothingStale(() => 1, () => weights, () => weights = 2);
        });
        Broken("CacheInvariant", "with a cache", () => FineTuneAssert.CacheInvariant(options => options.UseCache));
        Broken("SavesAndLoads", "answer", () => FineTuneAssert.SavesAndLoads(Model(), (_, folder) => Directory.CreateDirectory(folder), _ => Model(Fault.AnswersInReverse),
            model => model.PredictBatch(Texts)));
        Broken("DrawsAnew", "another seed", () => FineTuneAssert.DrawsAnew(() => Model(), Data));
        Broken("Repeats", "weight '", () => FineTuneAssert.Repeats(Drifting, Data));
    }

    [Fact]
    public async Task A_stream_that_loses_a_piece_is_named()
    {
        async IAsyncEnumerable<string> Pieces()
        {
            await Task.CompletedTask;
            yield return "one ";
        }
        LawBrokenException broken = await Assert.ThrowsAsync<LawBrokenException>(() => FineTuneAssert.StreamsWhatItWrites(Pieces, () => "one two"));
        Assert.Contains("1 pieces", broken.Where, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_law_does_not_fit_is_refused_by_name()
    {
        using FaultyModel model = Model();
        Assert.Equal("examples", Assert.Throws<ArgumentException>(() => FineTuneAssert.PaddingInvariant(model, [new ScoredText("good", 1), new ScoredText("fine", 1)])).ParamName);
        Assert.Equal("examples", Assert.Throws<ArgumentException>(() => FineTuneAssert.AccumulationInvariant(() => Model(), Data[..2])).ParamName);
        Assert.Equal("load", Assert.Throws<ArgumentException>(() => FineTuneAssert.Repeats(() => null!, Data)).ParamName);
        Assert.Equal("model", Assert.Throws<ArgumentNullException>(() => FineTuneAssert.PaddingInvariant<ScoredText>(null!, Data)).ParamName);
    }

    [Fact]
    public void A_fake_answers_and_notes_what_it_was_asked()
    {
        FakePredictor<string, int> fake = new(text => text.Length) { Asked = inputs => Assert.NotEmpty(inputs) };
        Assert.Equal([1, 2], fake.PredictBatch(["a", "bb"]));
        Assert.Equal(3, fake.Predict("ccc"));
        Assert.Equal(["a", "bb", "ccc"], fake.Inputs);
        Assert.Equal(2, fake.Calls.Count);
        Assert.Equal(7, FakePredictor.Always<string, int>(7).Predict("x"));
        FakePredictor<string, int> table = FakePredictor.FromTable(new Dictionary<string, int> { ["x"] = 1 });
        Assert.Equal(1, table.Predict("x"));
        Assert.Throws<ArgumentException>(() => table.Predict("y"));
        Assert.Throws<TimeoutException>(() => FakePredictor.Failing<string, int>(new TimeoutException()).Predict("x"));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => fake.PredictBatch(["a"], cancelled.Token));
    }

    // Its decay is another in each load, as a recipe that forgets a setting would have it.
    private static int _loads;

    private static FaultyModel Biased()
    {
        FaultyModel model = Model();
        using var still = TorchSharp.torch.no_grad();
        Weight last = model.Weights[^1];
        last.Value.add_(last.Value, Tensors.Scalars.Held(++_loads));
        return model;
    }

    private static FaultyModel Drifting() => Biased();
}
