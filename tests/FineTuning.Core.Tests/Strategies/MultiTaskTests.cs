using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tests.Heads.Preference;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Several heads on one trunk in one run: what the loss is, who gets which share, and what the result says.</summary>
public sealed class MultiTaskTests
{
    private static readonly LabeledText<string>[] Moods = TaskHeads.Moods;
    private static readonly TaggedText[] Names = TaskHeads.Names;

    public static TheoryData<string> Balancings => new("fixed", "outputs", "uncertainty", "norms", "projected");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void The_loss_of_a_step_is_each_tasks_own_mean_weighed(int batch)
    {
        using var heads = new TaskHeads();
        double mood = heads.Mood.Evaluate(Moods[..4])["loss"], names = heads.Tagger.Evaluate(Names[..4])["loss"];
        // All eight rows are in one step, whatever the micro-batches are.
        MultiTaskResult result = FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods[..4], weight: 3).Task("names", heads.Tagger, Names[..4])
            .With(o => o with { Steps = 1, BatchSize = batch, Accumulation = 8 / batch, Optimizer = Optimizer.Sgd(1e-9) }).Train();
        Assert.Equal((3 * mood / 2) + (names / 2), result.Run.FinalLoss, 1e-4);
    }

    [Fact]
    public void Accumulated_equals_whole()
    {
        float[] Tuned(int batch)
        {
            using var heads = new TaskHeads();
            FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods[..4]).Task("names", heads.Tagger, Names[..4])
                .With(o => o with { Steps = 2, BatchSize = batch, Accumulation = 8 / batch, Optimizer = Optimizer.Sgd(1e-2), Shuffle = false }).Train();
            return heads.Values();
        }
        Assert.All(Tuned(1).Zip(Tuned(4)), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
    }

    [Theory]
    [MemberData(nameof(Balancings))]
    public void A_run_repeats_to_the_bit_moves_all_heads_and_its_recipe_is_data(string balancing)
    {
        (float[] Values, TrainingResult Run) Tuned()
        {
            using var heads = new TaskHeads(0.1);
            float[][] before = heads.ValuesOfHeads();
            // Eight batches are an epoch, in which every task has its share.
            MultiTaskResult result = heads.Tuner().WithBalancing(Balancing(balancing)).With(o => o with { Steps = 8, BatchSize = 4 }).Train();
            Assert.All(new[] { "mood", "names", "stars" }, name => Assert.True(result.Run.Best!.Metrics.TryGet($"{name}.loss", out double loss) && double.IsFinite(loss)));
            Assert.All(heads.ValuesOfHeads().Zip(before), pair => Assert.NotEqual(pair.First, pair.Second));
            Assert.Equal(result.Run.Options, TrainingOptions.FromJson(result.Run.Options.ToJson()));
            return (heads.Values(), result.Run);
        }
        (float[] first, TrainingResult run) = Tuned();
        Assert.Equal(first, Tuned().Values);
        Assert.All(run.History, step => Assert.True(double.IsFinite(step.Loss) && step.GradientNorm > 0));
    }

    [Fact]
    public void Every_task_is_measured_together_and_alone_and_comparing_changes_nothing()
    {
        (float[] Values, MultiTaskResult Result) Tuned(bool compared)
        {
            using var heads = new TaskHeads();
            MultiTaskTuner tuner = heads.Tuner().With(o => o with { Epochs = 2, BatchSize = 4 });
            MultiTaskResult result = (compared ? tuner.ComparedWithAlone() : tuner).Train();
            Assert.Equal(heads.Mood.Evaluate(Moods)["loss"], result["mood"].Together!["loss"], 1e-12);
            return (heads.Values(), result);
        }
        (float[] plain, MultiTaskResult alone) = Tuned(false);
        (float[] compared, MultiTaskResult both) = Tuned(true);
        Assert.Equal(plain, compared);
        Assert.Null(alone["mood"].Alone);
        Assert.All(both.Tasks, task => Assert.NotNull(task.Alone));
        Assert.Contains("together", both.ToString(), StringComparison.Ordinal);
        // Alone is what the tuner of one model gives.
        using var single = new TaskHeads();
        TrainingResult own = FineTuner.For(single.Mood).Epochs(2).BatchSize(4).ValidateOn(Moods).Train(Moods);
        Assert.Equal(own.Metrics!["loss"], both["mood"].Alone!["loss"], 1e-12);
    }

    [Fact]
    public void The_heads_share_one_trunk_and_save_as_folders_of_their_own()
    {
        using var heads = new TaskHeads();
        heads.Tuner().With(o => o with { Steps = 2 }).Train();
        string folder = Directory.CreateTempSubdirectory("tasks").FullName;
        heads.Mood.Save(Path.Combine(folder, "mood"));
        heads.Tagger.Save(Path.Combine(folder, "names"));
        using TextClassifier<string> mood = Pretrained.TextClassifier<string>(Path.Combine(folder, "mood"));
        Assert.Equal(heads.Mood.Predict(TaskHeads.Text(1)).Scores.Select(score => score.Score), mood.Predict(TaskHeads.Text(1)).Scores.Select(score => score.Score));
        using TokenClassifier names = Pretrained.TokenClassifier(Path.Combine(folder, "names"));
        Assert.Equal(names.Trunk.Weights.Select(weight => weight.Value.data<float>().ToArray()), mood.Trunk.Weights.Select(weight => weight.Value.data<float>().ToArray()));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Views_are_tasks_too_and_keep_what_they_compare_with_in_the_state()
    {
        PreferencePair[] pairs = [new("Mine is a long ", "and a sad tale", "knot"), new("Off with ", "her head", "his hat!"), new("Curiouser and ", "curiouser!", "so on")];
        PromptCompletion[] texts = [new("The Dormouse ", "slept"), new("and Alice ", "sighed wearily")];
        using var files = new PreferenceBase();
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(files.Folder), before = Pretrained.CausalLanguageModel(files.Folder);
        TunableModel<PreferencePair> view = model.With(PreferenceLoss.Dpo());
        MultiTaskResult result = FineTuner.For(model.Trunk).Task("better", view, pairs, pairs).Task("text", model, texts).Task("taught", model.DistilledFrom(before.Head), texts)
            .With(o => o with { Steps = 6, BatchSize = 2, Optimizer = Optimizer.AdamW(2e-3) }).Train();
        double computed = model.With(PreferenceLoss.Dpo(), before.Head).Evaluate(pairs)["loss"];
        Assert.Equal(computed, result["better"].Together!["loss"], 1e-6);
        Assert.True(Math.Abs(computed - Math.Log(2)) > 1e-4);

        TunableModel<PreferencePair> later = model.With(PreferenceLoss.Dpo());
        MultiTaskModel Joined(TunableModel<PreferencePair> task) =>
            new(model.Trunk, [Entry("better", task), Entry("free", model.With(PreferenceLoss.SimPo()))], TaskBalancing.Fixed);
        TaskEntry<PreferencePair> Entry(string name, TunableModel<PreferencePair> task) => new(name, task, pairs, null, 1, 1);
        using MultiTaskModel first = Joined(view), second = Joined(later);
        var kept = new Dictionary<string, TorchSharp.torch.Tensor>();
        first.ExportPrecomputed((name, value) => kept.Add(name, value.clone().DetachFromDisposeScope()));
        Assert.Equal(3, kept.Count);
        Assert.All(kept.Keys, name => Assert.StartsWith(first.PrecomputedPath!, name, StringComparison.Ordinal));
        second.ImportPrecomputed(kept.GetValueOrDefault, fault => Assert.Fail(fault));
        Assert.Equal(computed, later.Evaluate(pairs)["loss"], 1e-6);
        var faults = new List<string>();
        second.ImportPrecomputed(_ => null, faults.Add);
        Assert.Contains("task 'better'", Assert.Single(faults), StringComparison.Ordinal);
        foreach (TorchSharp.torch.Tensor value in kept.Values) value.Dispose();
    }

    [Fact]
    public void Losses_are_divided_by_the_logarithm_of_the_outputs()
    {
        using var heads = new TaskHeads();
        using var model = new MultiTaskModel(heads.Trunk, [Of("mood", heads.Mood, 3), Of("names", heads.Tagger, 1), Of("stars", heads.Rater, 1)], TaskBalancing.ByOutputs);
        // Two labels, three tags; a single output is no choice.
        Assert.Equal([3 / Math.Log(2), 1 / Math.Log(3), 1], model.Factors);
        static TaskEntry Of<T>(string name, TunableModel<T> model, double weight) => new TaskEntry<T>(name, model, [], null, weight, 1);
    }

    [Fact]
    public void The_score_is_the_weighted_mean_that_the_user_names_and_the_run_stops_on_it()
    {
        using var heads = new TaskHeads();
        var scores = new List<double>();
        MultiTaskResult result = FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods, Moods, scoreWeight: 3).Task("stars", heads.Rater, TaskHeads.Stars, TaskHeads.Stars, scoreWeight: 0.5)
            .With(o => o with { Epochs = 30, BatchSize = 4, Optimizer = Optimizer.Sgd(1e-9), EarlyStopping = new EarlyStopping(2) })
            .OnEvaluation(evaluation => scores.Add(evaluation.Metrics["score"])).Train();
        // Nothing moves: the third evaluation is the second without a gain.
        Assert.Equal(StopReason.StoppedEarly, result.Run.StopReason);
        Assert.Equal(3, scores.Count);
        string stars = heads.Rater.PrimaryMetric;
        MetricValue rated = result["stars"].Together!.Find(stars)!;
        double sign = rated.Direction == MetricDirection.Lower ? -1 : 1;
        Assert.Equal(((3 * result["mood"].Together!["accuracy"]) + (0.5 * sign * rated.Value)) / 3.5, scores[^1], 1e-6);
    }

    [Theory]
    [InlineData("proportional", 8, 4)]
    [InlineData("equal", 6, 6)]
    [InlineData("temperature", 7, 5)]
    [InlineData("annealed", 8, 4)]
    public void A_run_has_the_batches_that_its_sampling_says(string name, int large, int small)
    {
        TaskSampling sampling = name switch
        {
            "proportional" => TaskSampling.Proportional, "equal" => TaskSampling.Equal, "temperature" => TaskSampling.Temperature(2), _ => TaskSampling.Annealed,
        };
        int[][] lengths = [[.. Enumerable.Repeat(5, 32)], [.. Enumerable.Repeat(5, 16)]];
        var plan = new TaskEpochPlan(lengths, new FineTuning.Batching.BatchRules(4, null, true, true, 1, 100), sampling, 3, together: false);
        Assert.Equal([large, small], plan.Counts(0));
        Assert.Equal([large, small], new[] { true, false }.Select(first => plan.Of(1, 0).Count(batch => batch.Rows[0] < 32 == first)));
        // Annealed sampling ends nearly equal: 32^0.2 to 16^0.2 of twelve batches.
        if (name == "annealed") Assert.Equal([6, 6], plan.Counts(2));
    }

    [Fact]
    public void Shares_are_what_they_say()
    {
        Assert.Equal([0.75, 0.25], TaskSampling.Proportional.Shares([300, 100], 0, 3));
        Assert.Equal([0.5, 0.5], TaskSampling.Equal.Shares([300, 100], 0, 3));
        Assert.Equal(Math.Sqrt(3) / (1 + Math.Sqrt(3)), TaskSampling.Temperature(2).Shares([300, 100], 0, 3)[0], 1e-12);
        Assert.Equal([0.5, 0.5], TaskSampling.Temperature(1, cap: 100).Shares([300, 100], 0, 3));
        Assert.Equal([0.75, 0.25], TaskSampling.Annealed.Shares([300, 100], 0, 3));
        double last = Math.Pow(3, 0.2);
        Assert.Equal(last / (1 + last), TaskSampling.Annealed.Shares([300, 100], 2, 3)[0], 1e-12);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Each_task_goes_through_its_own_rows_evenly(bool together)
    {
        int[][] lengths = [[.. Enumerable.Repeat(5, 37)], [.. Enumerable.Repeat(7, 10)]];
        var rules = new FineTuning.Batching.BatchRules(4, null, true, true, 1, 100);
        var plan = new TaskEpochPlan(lengths, rules, TaskSampling.Equal, 3, together);
        var seen = new int[47];
        for (int epoch = 0; epoch < 5; epoch++)
        {
            IReadOnlyList<FineTuning.Batching.PlannedBatch> batches = plan.Of(7, epoch);
            Assert.Equal(plan.Count, batches.Count);
            Assert.Equal(batches.Select(batch => batch.Rows), plan.Of(7, epoch).Select(batch => batch.Rows));
            Assert.All(batches, batch => Assert.True(batch.Rows.All(row => row < 37) || batch.Rows.All(row => row >= 37)));
            if (together) Assert.All(batches.Chunk(2), pair => Assert.NotEqual(pair[0].Rows[0] < 37, pair[1].Rows[0] < 37));
            foreach (int row in batches.SelectMany(batch => batch.Rows)) seen[row]++;
        }
        Assert.True(seen[..37].Max() - seen[..37].Min() <= 1 && seen[37..].Max() - seen[37..].Min() <= 1);
        Assert.True(Math.Abs(seen[..37].Sum() - seen[37..].Sum()) < 37, "half of the batches are the smaller task's");
    }

    [Fact]
    public void What_is_wrong_with_tasks_is_said_at_once_before_data_is_read()
    {
        using var heads = new TaskHeads();
        using var other = new TaskHeads();
        IEnumerable<TaggedText> Unread()
        {
            throw new InvalidOperationException("the data was read");
#pragma warning disable CS0162 // Makes the method an iterator.
            yield break;
#pragma warning restore CS0162
        }
        var failure = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(heads.Trunk).Task("a.b", heads.Mood, Moods, weight: 0)
            .Task("names", other.Tagger, Unread()).Task("names", heads.Tagger, Unread()).With(o => o with { BatchSize = 0 }).WithSampling(TaskSampling.Temperature(0.5)).Train());
        Assert.Equal(6, failure.Violations.Count);
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods).Train());
        var data = Assert.Throws<TrainingDataException>(() => FineTuner.For(heads.Trunk).Task("mood", heads.Mood, [new LabeledText<string>("x", "unknown")]).Task("names", heads.Tagger, Names).Train());
        Assert.Contains("'mood'", data.Message, StringComparison.Ordinal);
    }

    private static TaskBalancing Balancing(string name) => name switch
    {
        "fixed" => TaskBalancing.Fixed,
        "outputs" => TaskBalancing.ByOutputs,
        "uncertainty" => TaskBalancing.Uncertainty,
        "norms" => TaskBalancing.GradientNorms(),
        _ => TaskBalancing.ProjectedGradients,
    };

}
