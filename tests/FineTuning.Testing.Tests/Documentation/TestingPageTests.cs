using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Testing.Tests.Faults;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Testing.Tests.Documentation;

/// <summary>The snippets of docs/testing.md, which run here.</summary>
public sealed class TestingPageTests
{
    [Fact]
    public void A_few_laws_over_a_head()
    {
        LabeledText<string>[] reviews = Words.Reviews;
        // snippet: testing-head
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(reviews.Select(review => review.Text));
        TextClassifier<string> Load() => Pretrained.TextClassifier(checkpoint.Folder,
            new TextClassifierOptions<string> { Labels = ["good", "bad", "neither"], FreshHead = true });

        using TextClassifier<string> model = Load();
        FineTuneAssert.PaddingInvariant(model, reviews);
        FineTuneAssert.OverfitsOneBatch(model, reviews, review => model.Predict(review.Text).Label == review.Label);
        FineTuneAssert.SavesAndLoads(model, (m, folder) => m.Save(folder), folder => Pretrained.TextClassifier<string>(folder), m => m.Predict("a good film"));
        FineTuneAssert.AccumulationInvariant(Load, reviews);
        FineTuneAssert.FrozenMeansFrozen(Load, reviews, freeze => freeze.Layers(..1), weight => weight.Depth == 1);
        FineTuneAssert.Resumes(Load, reviews, tuner => tuner.WithScheduler(Schedule.Cosine(warmup: 2)));
        // end
    }

    [Fact]
    public void Laws_over_a_model_of_ones_own()
    {
        ScoredText[] data = [new("good", 1), new("a rather good film", 0.8), new("bad", -1), new("it was bad", -0.7)];
        using var model = new FaultyModel(Fault.None);
        // snippet: testing-own
        FineTuneAssert.PaddingInvariant(model, data);                   // a row costs alone what it costs padded and in a batch
        FineTuneAssert.TargetsAddUp(model, data);                       // what a batch is divided by is the sum of what its rows say
        FineTuneAssert.WeightMeansRepetition(model, data, (example, weight) => example with { Weight = weight });
        FineTuneAssert.GradientsMatchDifferences(model, data);          // each weight's gradient is the slope of the loss
        FineTuneAssert.EveryWeightLearns(model, data);                  // no weight is out of the loss's reach
        FineTuneAssert.EvaluatesItsLoss(model, data);                   // an evaluation's loss is the mean that training divides to
        FineTuneAssert.LossIs(model, data, example => Math.Pow(model.Predict(example.Text) - example.Score, 2));
        FineTuneAssert.BatchInvariant(model, [.. data.Select(example => example.Text)]);
        // end
    }

    [Fact]
    public void What_a_conversation_teaches()
    {
        using TinyCheckpoint checkpoint = TinyCheckpoint.Chat(Words.Texts);
        // snippet: testing-mask
        using ChatModel model = Pretrained.ChatModel(checkpoint.Folder);
        Conversation conversation = new([new("user", "a town?"), new("assistant", "Old Town")]);
        FineTuneAssert.MaskCovers(model, conversation, "Old Town<|im_end|>");
        // end
    }

    [Fact]
    public void A_fake_in_place_of_a_model()
    {
        // snippet: testing-fake
        FakePredictor<string, string> model = FakePredictor.FromTable(new Dictionary<string, string> { ["Where is my parcel?"] = "Shipping" });
        var desk = new HelpDesk(model);
        Assert.Equal("the team for Shipping", desk.Route("Where is my parcel?"));
        Assert.Equal(["Where is my parcel?"], model.Inputs);
        // end
    }

    private sealed class HelpDesk(IPredictor<string, string> model)
    {
        public string Route(string request) => $"the team for {model.Predict(request)}";
    }
}
