using FineTuning.Adapters;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tests.Training;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>What must hold of models that learn from preferences, whatever their numbers are.</summary>
public sealed class PreferenceTuningTests : IDisposable
{
    private static readonly PreferencePair[] Pairs =
    [
        new("Mine is a long ", "and a sad tale", "knot"), new("Who are you?", " I am Alice", " said the Caterpillar to her"), new("Off with ", "her head", "his hat!"),
        new("The Dormouse ", "slept", "slept and slept and slept"), new("Curiouser and ", "curiouser!", "so on"),
    ];

    private static readonly UnpairedPreference[] Labeled = [.. Pairs.Unpaired()];

    private readonly PreferenceBase _files = new();

    public void Dispose() => _files.Dispose();

    public static TheoryData<string> Uncoupled => ["dpo", "ipo", "simpo", "desensitized", "weighted"];

    private static PreferenceLoss<PreferencePair> LossOf(string name) => name switch
    {
        "dpo" => PreferenceLoss.Dpo(0.3),
        "ipo" => PreferenceLoss.Ipo(),
        "simpo" => PreferenceLoss.SimPo(),
        "desensitized" => PreferenceLoss.LengthDesensitized(PreferenceLoss.Dpo(0.3), 0.4),
        _ => PreferenceLoss.Weighted(PreferenceLoss.Dpo(0.3)),
    };

    private CausalLanguageModel Open(LanguageModelOptions? options = null) => Pretrained.CausalLanguageModel(_files.Folder, options);

    private static FineTuner<TExample> Tuner<TExample>(TunableModel<TExample> model) =>
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 2e-3)).Epochs(2).BatchSize(2);

    private static FineTuner<TExample> Short<TExample>(TunableModel<TExample> model) => FineTuner.For(model).Steps(1).BatchSize(2);

    private static double[] Losses(TrainingResult result) => [.. result.History.Select(step => step.Loss)];

    [Fact]
    public void No_pair_leaves_the_encoder_with_an_empty_completion_whatever_the_maximal_length()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(_files.Folder);
        PreferencePair[] all =
        [
            .. Pairs, .. Pairs.Select(pair => new PreferencePair(new ChatTurn[] { new("user", pair.Prompt.Text!) }, new ChatTurn[] { new("assistant", pair.Chosen.Text!) },
                new ChatTurn[] { new("assistant", pair.Rejected.Text!) })),
        ];
        int kept = 0, skipped = 0;
        foreach (bool shares in new[] { true, false })
        {
            for (int length = 3; length < 90; length++)
            {
                var encoding = new PreferenceEncoding(new(tokenizer, new(length, LearnedTokens.Answers, LostTargets.Skip, PackingStrategy.None)), new(), shares);
                foreach (PreferencePair pair in all)
                {
                    if (encoding.Encode(pair, new EncodingReport()) is not { } row)
                    {
                        skipped++;
                        continue;
                    }
                    kept++;
                    Assert.All(new[] { row.Chosen, row.Rejected }, side => Assert.True(side.Targets > 0 && side.Length <= length && !side.Learned[0]));
                    LabeledRow[] labeled = [new(row.Chosen, true), new(row.Rejected, false)];
                    LabeledRow.MeetOthers(labeled, length);
                    Assert.All(labeled, own => Assert.True(own.Mismatch!.Targets > 0 && own.Mismatch.Length <= length));
                }
            }
        }
        Assert.True(kept > 500 && skipped > 100, $"{kept} kept, {skipped} skipped");
    }

    [Theory]
    [MemberData(nameof(Uncoupled))]
    public void One_batch_is_many_and_more_padding_is_less(string name)
    {
        (double loss, Tensor gradient) = Pass(name, 5, 0);
        (double, Tensor) alone = Pass(name, 1, 0), wider = Pass(name, 5, 16);
        foreach ((double other, Tensor otherGradient) in new[] { alone, wider })
        {
            Assert.Equal(loss, other, 1e-5 * Math.Abs(loss));
            double difference = (gradient - otherGradient).abs().max().Number(), largest = gradient.abs().max().Number();
            Assert.True(largest > 0 && difference <= 1e-4 * largest, $"the gradients differ by {difference} of {largest}");
        }
    }

    private (double Loss, Tensor Gradient) Pass(string name, int size, int padding)
    {
        using CausalLanguageModel model = Open(), other = Open();
        using var scope = NewDisposeScope();
        // A reference that is not the model: else every log-ratio is 0.
        using (no_grad()) other.Weights.First(weight => weight.Value.dim() == 2).Value.mul_(Held(1.1));
        PreferenceLoss<PreferencePair> loss = LossOf(name);
        TunableModel<PreferencePair> view = model.With(loss, loss.NeedsReference ? other.Head : null);
        RowSet rows = RowSet.Encode(view, Pairs, "data", null, default);
        view.Precompute(rows.Rows, default);
        double sum = 0;
        foreach (EncodedRow[] some in rows.Rows.Chunk(size)) sum += view.AddGradients(view.Collate(some, some.Max(row => row.Length) + padding), ForwardContext.Evaluation());
        Assert.All(other.Weights, weight => Assert.Null(weight.Value.grad));
        return (sum, model.Weights.First(weight => weight.Value.dim() == 2).Value.grad!.clone().MoveToOuterDisposeScope());
    }

    [Fact]
    public void Accumulated_is_whole()
    {
        using CausalLanguageModel whole = Open(), parts = Open();
        TrainingResult one = Tuner(whole.With(PreferenceLoss.Dpo())).BatchSize(4).Seed(1).Train(Pairs[..4]);
        TrainingResult two = Tuner(parts.With(PreferenceLoss.Dpo())).BatchSize(1, accumulation: 4).Seed(1).Train(Pairs[..4]);
        Assert.Equal(Losses(one).Length, Losses(two).Length);
        Assert.All(Losses(one).Zip(Losses(two)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void A_cached_reference_is_a_computed_one_before_and_after()
    {
        using CausalLanguageModel model = Open(), beside = Open(), reference = Open();
        TunableModel<PreferencePair> cached = model.With(PreferenceLoss.Dpo()), computed = beside.With(PreferenceLoss.Dpo(), reference.Head);
        Assert.Equal(Math.Log(2), cached.Evaluate(Pairs)["loss"], 1e-6);
        TrainingResult own = Tuner(cached).Freeze(weights => weights.Layers(..1)).ValidateOn(Pairs).Train(Pairs);
        TrainingResult other = Tuner(computed).Freeze(weights => weights.Layers(..1)).ValidateOn(Pairs).Train(Pairs);
        Assert.Equal(Losses(other), Losses(own));
        MetricReport after = cached.Evaluate(Pairs);
        Assert.Equal(computed.Evaluate(Pairs).Values, after.Values);
        Assert.True(after["rewards_margin"] > 0 && after["loss"] < Math.Log(2), after.ToString());
        Assert.Equal(own.Metrics!.Values, after.Values);
    }

    [Fact]
    public void New_pairs_are_refused_once_the_reference_is_gone_and_a_new_view_takes_the_model_as_it_is()
    {
        PreferencePair[] others = [new("A new ", "pair", "one")];
        using CausalLanguageModel model = Open();
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        Tuner(view).Train(Pairs);
        string refusal = Assert.Throws<InvalidOperationException>(() => view.Evaluate(others)).Message;
        Assert.Contains("reference", refusal, StringComparison.Ordinal);
        Assert.Equal(Math.Log(2), model.With(PreferenceLoss.Dpo()).Evaluate(others)["loss"], 1e-6);
        Assert.True(view.Evaluate(Pairs)["loss"] < Math.Log(2));
        // What compares with nothing needs none.
        Assert.True(double.IsFinite(model.With(PreferenceLoss.SimPo()).Evaluate(others)["loss"]));
    }

    [Fact]
    public void Under_an_adapter_the_reference_is_the_base()
    {
        PreferencePair[] others = [new("A new ", "pair", "one")];
        using CausalLanguageModel model = Open(), untouched = Open();
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        TrainingResult result = Tuner(view).WithAdapter(Adapter.Lora(rank: 4, alpha: 8).On(linear => linear.AllLinear())).Train(Pairs);
        Assert.Equal(Math.Log(2), result.History[0].Loss, 1e-5);
        Assert.NotEmpty(model.Adapters.ModulesOf("default"));
        MetricReport later = view.Evaluate(others), computed = model.With(PreferenceLoss.Dpo(), untouched.Head).Evaluate(others);
        Assert.Equal(computed["loss"], later["loss"], 1e-6);
        Assert.True(Math.Abs(later["rewards_margin"]) > 1e-4);
        Assert.Equal("default", model.Adapters.Active);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_run_that_goes_on_ends_with_the_same_bits(bool unpaired, bool trainedBefore)
    {
        var options = new TrainingOptions { Optimizer = Optimizer.AdamW(2e-3), Steps = 6, BatchSize = 2, Features = [new ExportOnce(3, false)] };
        float[] expected, actual;
        using (CausalLanguageModel model = Open()) expected = Run(model, unpaired, options, null);
        using (RunState state = ExportOnce.Take()!)
        using (CausalLanguageModel model = Open())
        {
            // The reference is part of the state: it does not matter what the model was before.
            if (trainedBefore) Tuner(model.With(PreferenceLoss.SimPo())).Train(Pairs);
            actual = Run(model, unpaired, options, state);
            ExportOnce.Take()?.Dispose();
            InvalidOptionsException fault = Assert.Throws<InvalidOptionsException>(() => Run(model, unpaired, options, state, other: true));
            Assert.Contains("give the same data", fault.Message, StringComparison.Ordinal);
            ExportOnce.Take()?.Dispose();
        }
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_checkpoint_holds_the_reference_also_for_a_branch()
    {
        string runs = Path.Combine(_files.Folder, "runs");
        string Folder(string name) => Path.Combine(runs, name);
        using CausalLanguageModel whole = Open(), again = Open(), branch = Open();
        FineTuner<PreferencePair> Recipe(CausalLanguageModel model) => FineTuner.For(model.With(PreferenceLoss.Dpo())).WithOptimizer(Optimizer.AdamW(learningRate: 2e-3)).Steps(6).BatchSize(2)
            .CheckpointTo(Folder("whole"), every: 2, keepLast: 5).WithCheckpoints(settings => settings with { Waits = true });
        TrainingResult expected = Recipe(whole).Train(Pairs);
        TrainingResult actual = Recipe(again).Fork(2, Folder("again"), options => options).Train(Pairs);
        Assert.Equal(Losses(expected), Losses(actual));
        Assert.Equal(whole.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray()), again.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray()));
        // Another recipe and another pair: its reference is that of the weights that the run began with.
        PreferencePair[] others = [.. Pairs[..^1], new("Another ", "one", "pair")];
        TrainingResult branched = Recipe(branch).Fork(2, Folder("branch"), options => options with { Schedule = Schedule.Cosine() })
            .WithCheckpoints(settings => settings with { Origin = settings.Origin! with { Accepted = AcceptedChanges.Recipe | AcceptedChanges.Data } }).Train(others);
        Assert.Equal(6, branched.Steps);
        Assert.All(branched.History, step => Assert.True(step.Loss < 2));
        InvalidOptionsException fault = Assert.ThrowsAny<InvalidOptionsException>(() => Recipe(again).Fork(2, Folder("wrong"), options => options with { Schedule = Schedule.Cosine() })
            .WithCheckpoints(settings => settings with { Origin = settings.Origin! with { Accepted = AcceptedChanges.Recipe | AcceptedChanges.Data | AcceptedChanges.Model } }).Train(others));
        Assert.Contains("that model", fault.Message, StringComparison.Ordinal);
    }

    private static float[] Run(CausalLanguageModel model, bool unpaired, TrainingOptions options, RunState? from, bool other = false)
    {
        if (unpaired) Loop(model.With(PreferenceLoss.Kto()), other ? [.. Labeled[..^1], new("Another", " one", true)] : Labeled, options, from);
        else Loop(model.With(PreferenceLoss.Dpo()), other ? [.. Pairs[..^1], new("Another", " one", "two")] : Pairs, options, from);
        return [.. model.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];
    }

    private static void Loop<TExample>(TunableModel<TExample> view, TExample[] data, TrainingOptions options, RunState? from)
    {
        RowSet rows = RowSet.Encode(view, data, "training data", null, default);
        view.Precompute(rows.Rows, default);
        new TrainingLoop(view, rows, null, options, new RunObserver(), default) { From = from }.Run();
    }

    [Fact]
    public void Each_loss_learns_its_pairs_through_a_model()
    {
        foreach (PreferenceLoss<PreferencePair> loss in new[] { PreferenceLoss.Orpo(0.5), PreferenceLoss.Cpo(), PreferenceLoss.Aot(0.3), PreferenceLoss.Weighted(PreferenceLoss.Dpo()) })
        {
            using CausalLanguageModel model = Open();
            TunableModel<PreferencePair> view = model.With(loss);
            double before = view.Evaluate(Pairs)["loss"];
            Tuner(view).Epochs(8).Train(Pairs);
            Assert.True(view.Evaluate(Pairs)["loss"] < before);
        }
        using CausalLanguageModel labeled = Open();
        TunableModel<UnpairedPreference> kto = labeled.With(PreferenceLoss.Kto());
        double start = kto.Evaluate(Labeled)["loss"];
        Tuner(kto).Epochs(8).Train(Labeled);
        MetricReport report = kto.Evaluate(Labeled);
        Assert.True(report["loss"] < start && report["rewards_margin"] > 0 && report["kl"] >= 0, report.ToString());
        MetricReport one = labeled.With(PreferenceLoss.Kto()).Evaluate(Labeled[..2]);
        Assert.True(double.IsNaN(one["rewards_margin"]));
    }

    [Fact]
    public void A_view_tells_the_run_whether_its_loss_adds_over_rows_and_takes_its_own_rows_alone()
    {
        using CausalLanguageModel model = Open();
        TunableModel<PreferencePair> dpo = model.With(PreferenceLoss.Dpo());
        TunableModel<UnpairedPreference> kto = model.With(PreferenceLoss.Kto());
        Assert.True(dpo.LossAddsOverRows && model.With(PreferenceLoss.SimPo()).LossAddsOverRows && model.With(PreferenceLoss.ApoZeroUnpaired()).LossAddsOverRows);
        Assert.False(kto.LossAddsOverRows || model.With(PreferenceLoss.Aot()).LossAddsOverRows || model.With(PreferenceLoss.Cpo()).LossAddsOverRows
            || model.With(PreferenceLoss.Combined((PreferenceLoss.Dpo(), 1), (PreferenceLoss.AotUnpaired(), 1))).LossAddsOverRows);
        EncodedRow pair = dpo.Encode(Pairs[0], new())!, labeled = kto.Encode(Labeled[0], new())!;
        Assert.Contains("PairRow", Assert.Throws<ArgumentException>(() => dpo.Collate([labeled], 64)).Message, StringComparison.Ordinal);
        Assert.Contains("LabeledRow", Assert.Throws<ArgumentException>(() => kto.Collate([pair], 64)).Message, StringComparison.Ordinal);
        Assert.Contains("LabeledRow", Assert.Throws<ArgumentException>(() => kto.PrepareRows([pair, pair])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => dpo.SumLoss(null!, ForwardContext.Evaluation()));
    }

    [Fact]
    public void Completions_meet_those_of_other_prompts()
    {
        CausalRow Row(int prompt, int completion) => new([prompt, completion], [false, true]);
        LabeledRow[] rows = [new(Row(1, 10), true), new(Row(1, 11), false), new(Row(2, 12), true), new(Row(2, 13), false), new(Row(3, 14), true)];
        LabeledRow.MeetOthers(rows, 8);
        Assert.Equal(new[] { (1, 14), (1, 14), (2, 11), (2, 11), (3, 13) }, rows.Select(row => (row.Mismatch!.TokenIds[0], row.Mismatch.TokenIds[1])));
        LabeledRow[] same = [new(Row(1, 10), true), new(Row(1, 11), false)];
        LabeledRow.MeetOthers(same, 8);
        Assert.Equal(new[] { 11, 10 }, same.Select(row => row.Mismatch!.TokenIds[1]));
    }

    [Fact]
    public void A_chat_model_reads_texts_as_turns()
    {
        using ChatModel chat = Pretrained.ChatModel(_files.Folder);
        TunableModel<PreferencePair> view = chat.With(PreferenceLoss.Dpo());
        var report = new EncodingReport();
        var texts = (PairRow)view.Encode(new("Who?", "Alice", "Bill"), report)!;
        var turns = (PairRow)view.Encode(new(new ChatTurn[] { new("user", "Who?") }, new ChatTurn[] { new("assistant", "Alice") }, new ChatTurn[] { new("assistant", "Bill") }), report)!;
        Assert.Equal(turns.Chosen.TokenIds, texts.Chosen.TokenIds);
        Assert.Equal(turns.Rejected.Learned, texts.Rejected.Learned);
        Assert.Equal(chat.Tokenizer.TokenId("<|im_end|>"), texts.Chosen.TokenIds[Array.LastIndexOf(texts.Chosen.Learned, true)]);
        TrainingResult result = Tuner(view).Train([new("Who?", "Alice", "Bill"), new("Where?", "here", "there and back")]);
        Assert.Equal(Math.Log(2), result.History[0].Loss, 1e-5);
    }

    [Fact]
    public void What_is_found_in_the_pairs_is_counted_in_the_run_s_report()
    {
        using CausalLanguageModel model = Open();
        PreferencePair[] data = [.. Enumerable.Range(0, 24).Select(i => new PreferencePair($"prompt {i}: ", "a long and winding answer", "no")), new("a ", "b", "b"), new("a ", "c", "d"), new("a ", "d", "c")];
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        TrainingResult result = Short(view).ValidateOn(data[^3..]).Train(data);
        Assert.Equal((1, 2, 24), (result.TrainingData.Notes[PreferenceLint.IdenticalNote], result.TrainingData.Notes[PreferenceLint.ContradictingNote], result.TrainingData.Notes[PreferenceLint.ChosenLongerNote]));
        Assert.Contains(result.Warnings, warning => warning.Contains("learn the length", StringComparison.Ordinal));
        // Validation data that stands in the training data too is no repetition; nor is a second run.
        Assert.DoesNotContain(PreferenceLint.RepeatedNote, result.ValidationData!.Notes.Keys);
        Assert.DoesNotContain(PreferenceLint.RepeatedNote, Short(view).Train(data).TrainingData.Notes.Keys);
        Assert.Contains(Short(model.With(PreferenceLoss.Kto())).Train(Labeled[..3]).Warnings, warning => warning.Contains("all 3 completions are desirable", StringComparison.Ordinal));
    }

    [Fact]
    public void What_cannot_work_is_said_before_training()
    {
        using CausalLanguageModel model = Open(new LanguageModelOptions { MaximumLength = 24 });
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        string Refusal(PreferencePair pair) => Assert.Throws<TrainingDataException>(() => FineTuner.For(view).Train([Pairs[0], pair])).Message;
        string longer = string.Concat(Enumerable.Repeat("much longer ", 20)), message = Refusal(new(longer, "a", "b"));
        Assert.Contains("record 1", message, StringComparison.Ordinal);
        Assert.Contains("MaximumLength", message, StringComparison.Ordinal);
        Assert.Contains("'rejected'", Refusal(new("a ", "b", "")), StringComparison.Ordinal);
        Assert.Contains("both are texts", Refusal(new("a ", new ChatTurn[] { new("assistant", "b") }, "c")), StringComparison.Ordinal);
        Assert.Contains("margin", Refusal(Pairs[1] with { Margin = double.NaN }), StringComparison.Ordinal);
        Assert.Contains("'chosen'", Refusal(new(new ChatTurn[] { new("user", "a") }, Array.Empty<ChatTurn>(), new ChatTurn[] { new("assistant", "c") })), StringComparison.Ordinal);
        Assert.Contains("two or more", Assert.Throws<TrainingDataException>(() => FineTuner.For(model.With(PreferenceLoss.Kto())).Train(Labeled[..1])).Message, StringComparison.Ordinal);

        InvalidOptionsException all = Assert.Throws<InvalidOptionsException>(() => model.With(PreferenceLoss.Weighted(PreferenceLoss.SimPo(-1)), model.Head));
        Assert.Equal(3, all.Violations.Count);
        Assert.Single(Assert.Throws<InvalidOptionsException>(() => model.With(PreferenceLoss.LengthDesensitized(PreferenceLoss.Dpo(), 2))).Violations);
        using RewardModel reward = Pretrained.RewardModel(_files.Folder);
        Assert.Contains("causal language", Assert.Throws<InvalidOptionsException>(() => model.With(PreferenceLoss.Dpo(), reward.Head)).Message, StringComparison.Ordinal);
        Assert.Equal(2, Assert.Throws<InvalidOptionsException>(() => Pretrained.CausalLanguageModel(_files.Folder, new() { DynamicFineTuning = true, LabelSmoothing = 0.1, MaximumLength = 1 })).Violations.Count);
    }

    [Fact]
    public void A_tokenizer_without_template_or_begin_token_is_named()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        Assert.Contains("chat template", Assert.Throws<TrainingDataException>(() => view.Encode(
            new(new ChatTurn[] { new("user", "a") }, new ChatTurn[] { new("assistant", "b") }, new ChatTurn[] { new("assistant", "c") }), new())).Message, StringComparison.Ordinal);
        Assert.Contains("give a prompt", Assert.Throws<TrainingDataException>(() => view.Encode(new("", "film", "good"), new())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_reference_ends_the_run()
    {
        using CausalLanguageModel model = Open();
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        RowSet rows = RowSet.Encode(view, Pairs, "data", null, default);
        Assert.ThrowsAny<OperationCanceledException>(() => view.Precompute(rows.Rows, stop.Token));
        view.Precompute(rows.Rows, default);
        Assert.NotNull(view.Collate(rows.Rows, rows.Lengths.Max()));
    }
}
