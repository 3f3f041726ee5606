using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tests.Heads.Preference;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/preferences.md, on the small base model of the goldens.</summary>
public sealed class PreferencePageTests : IDisposable
{
    private readonly PreferenceBase _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Pairs_and_single_completions()
    {
        string checkpoint = _files.Folder, output = Path.Combine(_files.Folder, "tuned");
        // snippet: dpo
        using var model = Pretrained.CausalLanguageModel(checkpoint);

        PreferencePair[] pairs =
        [
            new("Name a river. ", "The Danube.", "I do not know, it could be anything."),
            new("Name a hill. ", "The Bussen.", "Which one?"),
        ];
        TrainingResult result = FineTuner.For(model.With(PreferenceLoss.Dpo(beta: 0.1)))
            .WithOptimizer(Optimizer.AdamW(learningRate: 5e-5))
            .Epochs(2).BatchSize(8)
            .ValidateOn(pairs)
            .Train(pairs);

        double right = result.Metrics!["rewards_accuracy"], margin = result.Metrics["rewards_margin"];
        model.Save(output);
        // end
        Assert.InRange(right, 0, 1);
        Assert.True(margin > 0);
        PreferencePair[] unseen = [new("Name a lake. ", "The Federsee.", "No.")];
        // snippet: reference
        using var reference = Pretrained.CausalLanguageModel(checkpoint);
        MetricReport report = model.With(PreferenceLoss.Dpo(), reference.Head).Evaluate(unseen);
        // end
        Assert.NotEqual(0, report["rewards_margin"]);
        // snippet: kto
        UnpairedPreference[] verdicts =
        [
            new("Name a river. ", "The Danube.", IsDesirable: true),
            new("Name a hill. ", "Which one?", IsDesirable: false),
        ];
        FineTuner.For(model.With(PreferenceLoss.Kto(beta: 0.1, desirableWeight: 1, undesirableWeight: 1.5)))
            .Epochs(1).BatchSize(8)
            .Train(verdicts.Concat(pairs.Unpaired()));
        // end
        // snippet: without-reference
        FineTuner.For(model.With(PreferenceLoss.Orpo(beta: 0.1))).Epochs(1).BatchSize(8).Train(pairs);

        PreferenceLoss<PreferencePair> mixed = PreferenceLoss.Combined((PreferenceLoss.Dpo(), 0.8), (PreferenceLoss.Bco(), 0.2), (PreferenceLoss.Likelihood(), 1));
        PreferenceLoss<PreferencePair> fair = PreferenceLoss.LengthDesensitized(PreferenceLoss.Dpo(), 0.5);
        FineTuner.For(model.With(mixed)).Epochs(1).BatchSize(8).Train(pairs);
        // end
        Assert.True(fair.NeedsReference && double.IsFinite(model.With(fair).Evaluate(pairs)["loss"]));
    }

    [Fact]
    public void Answers()
    {
        string checkpoint = _files.Folder;
        // snippet: dpo-chat
        using var chat = Pretrained.ChatModel(checkpoint);

        PreferencePair[] answers =
        [
            new("Name a river.", "The Danube.", "Hm."),
            new(new ChatTurn[] { new("system", "You are terse."), new("user", "And a hill?") },
                new ChatTurn[] { new("assistant", "Bussen") }, new ChatTurn[] { new("assistant", "Let me think about all the hills that I know.") }),
        ];
        // end
        // snippet: dpo-readme
        FineTuner.For(chat.With(PreferenceLoss.Dpo()))
            .WithAdapter(Adapter.Lora(rank: 16, alpha: 32).On(linear => linear.AllLinear()))
            .WithOptimizer(Optimizer.AdamW(learningRate: 2e-4))
            .Epochs(1).BatchSize(8)
            .Train(answers);
        // end
        Assert.Equal("default", chat.Adapters.Active);
    }

    [Fact]
    public void Rewards()
    {
        string checkpoint = _files.Folder, rewards = Path.Combine(_files.Folder, "rewards");
        PreferencePair[] pairs = [new("Name a river. ", "The Danube.", "Hm."), new("Name a hill. ", "The Bussen.", "Which one?")];
        // snippet: reward
        using var judge = Pretrained.RewardModel(checkpoint, new RewardModelOptions { Centering = 0.01 });
        FineTuner.For(judge)
            .WithOptimizer(Optimizer.AdamW(learningRate: 1e-4))
            .Epochs(2).BatchSize(8)
            .Train(pairs);

        double better = judge.Score("Name a river. ", "The Danube."), worse = judge.Score("Name a river. ", "Hm.");
        judge.Save(rewards);                                     // a sequence classifier with one label
        // end
        Assert.NotEqual(better, worse);
    }
}
