using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>The better of a task alone and together where tasks train one trunk: a model with a trunk of its own.</summary>
public sealed class OwnModelTests
{
    private static readonly LabeledText<string>[] Moods = TaskHeads.Moods;
    private static readonly TaggedText[] Names = TaskHeads.Names;

    [Fact]
    public void A_task_that_is_better_alone_becomes_a_model_of_its_own_and_the_others_are_the_same_to_the_bit()
    {
        (float[] Values, MultiTaskResult Result, List<TunableModel> Made) Tuned(bool keeps)
        {
            using var heads = new TaskHeads(0.1);
            List<TunableModel> made = [];
            MultiTaskResult result = Harming(heads, keeps ? made : null).Train();
            return (heads.Values(), result, made);
        }
        (float[] plain, MultiTaskResult compared, _) = Tuned(false);
        (float[] kept, MultiTaskResult result, List<TunableModel> made) = Tuned(true);
        Assert.Equal(plain, kept);
        Assert.All(result.Tasks.Zip(compared.Tasks), pair => Assert.Equal((pair.First.Together!["loss"], pair.First.Alone!["loss"]), (pair.Second.Together!["loss"], pair.Second.Alone!["loss"])));
        TaskResult mood = result["mood"];
        Assert.True(mood is { IsHarmed: true, IsAlone: false }, mood.ToString());
        // The heads and their trunk are disposed by now: it shares nothing with them.
        using var own = Assert.IsType<TextClassifier<string>>(mood.OwnModel);
        Assert.Equal(own.Weights.Sum(weight => weight.Value.numel() * 4), mood.OwnModelBytes);
        Assert.Contains($"a model of its own ({(mood.OwnModelBytes / 1e6).ToString("0.#", System.Globalization.CultureInfo.InvariantCulture)} MB)", result.ToString(), StringComparison.Ordinal);
        AssertSame(mood.Alone!, own.Evaluate(Moods));
        Assert.False(own.HasUntrainedHead);
        // Each was made once on the tuner's trunk, to be looked at, and once on a copy; who is not the result's is disposed.
        Assert.Equal(4, made.Count);
        Assert.Single(made, model => ReferenceEquals(model, own));
        Assert.Equal(result.Tasks.Count(task => task.OwnModel is not null), made.Count(IsAlive));
        foreach (TaskResult task in result.Tasks) task.OwnModel?.Dispose();
        Assert.DoesNotContain(made, IsAlive);
    }

    [Fact]
    public void It_predicts_saves_and_is_tuned_on_as_any_other()
    {
        using var heads = new TaskHeads();
        MultiTaskResult result = Harming(heads, []).Train();
        using var own = (TextClassifier<string>)result["mood"].OwnModel!;
        float[] shared = heads.Values();
        Assert.Equal(["good", "bad"], own.LabelSet.Names);
        Assert.NotEqual(heads.Mood.Predict(TaskHeads.Text(1)).Scores.Select(score => score.Score), own.Predict(TaskHeads.Text(1)).Scores.Select(score => score.Score));
        string folder = Path.Combine(Directory.CreateTempSubdirectory("own").FullName, "mood");
        own.Save(folder);
        using TextClassifier<string> saved = Pretrained.TextClassifier<string>(folder);
        Assert.Equal(own.Predict(TaskHeads.Text(1)).Scores.Select(score => score.Score), saved.Predict(TaskHeads.Text(1)).Scores.Select(score => score.Score));
        FineTuner.For(own).Steps(3).WithOptimizer(Optimizer.Sgd(0.5)).Train(Moods);
        Assert.Equal(shared, heads.Values());
        result["names"].OwnModel?.Dispose();
        Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
    }

    [Fact]
    public void What_the_task_measures_besides_is_measured_of_it_too()
    {
        using var heads = new TaskHeads();
        heads.Mood.AddMetric(UserMetric.Of<string, Classification<string>>("share", MetricDirection.Higher, (targets, _) => targets.Count(target => target == "good") / (double)targets.Count));
        MultiTaskResult result = Harming(heads, []).Train();
        using TunableModel own = result["mood"].OwnModel!;
        AssertSame(result["mood"].Alone!, ((TextClassifier<string>)own).Evaluate(Moods));
        Assert.Equal(6 / 16.0, result["mood"].Alone!["share"], 1e-12);
        result["names"].OwnModel?.Dispose();
    }

    [Fact]
    public void Nothing_is_left_where_the_run_fails()
    {
        using var heads = new TaskHeads();
        List<TunableModel> made = [];
        Assert.Throws<FormatException>(() => Harming(heads, made).OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.Training) throw new FormatException();
        }).Train());
        Assert.Equal(4, made.Count);
        Assert.DoesNotContain(made, IsAlive);
        Assert.NotNull(heads.Mood.Predict("a text"));
    }

    [Fact]
    public void A_function_that_makes_another_model_is_refused_before_data_is_read()
    {
        using var heads = new TaskHeads();
        using Trunk other = Pretrained.Trunk(Goldens.Starter);
        Refused(_ => null!, "gave null");
        Refused(_ => heads.Mood, "the task's model itself");
        Refused(_ => Mood(other, "good", "bad"), "does not sit on the trunk");
        Refused(own => Mood(own, "bad", "good"), "labels, lengths or other options");
        Refused(own => Mood(own, "good", "bad", "neither"), "head.output");
        Refused(null, "one trunk");
        // What nothing asks for would be silent.
        Assert.Contains("nothing asks for", Violation(Tuner(own => Mood(own, "good", "bad")).ComparedWithAlone()), StringComparison.Ordinal);
        Assert.Contains("nothing asks for", Violation(Tuner(own => Mood(own, "good", "bad")).ComparedWithAlone(keepBetter: true).With(o => o with { Frozen = new WeightFilter().Trunk() })),
            StringComparison.Ordinal);
        Assert.NotNull(heads.Mood.Predict("a text"));

        static IEnumerable<LabeledText<string>> Unread()
        {
            Assert.Fail("the data was read");
            yield break;
        }
        MultiTaskTuner Tuner(Func<Trunk, TunableModel<LabeledText<string>>>? mood) =>
            FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Unread(), Moods, ownModel: mood).Task("names", heads.Tagger, Names);
        void Refused(Func<Trunk, TunableModel<LabeledText<string>>>? mood, string text) =>
            Assert.Contains(text, Violation(Tuner(mood).ComparedWithAlone(keepBetter: true)), StringComparison.Ordinal);
        static string Violation(MultiTaskTuner tuner) => Assert.Throws<InvalidOptionsException>(() => tuner.Train()).Message;
    }

    // Together the first task counts for nothing, so that it learns alone what it does not learn there.
    private static MultiTaskTuner Harming(TaskHeads heads, List<TunableModel>? made)
    {
        TunableModel<T> Seen<T>(TunableModel<T> model)
        {
            made!.Add(model);
            return model;
        }
        return FineTuner.For(heads.Trunk)
            .Task("mood", heads.Mood, Moods, Moods, weight: 1e-6, ownModel: made is null ? null : own => Seen(Mood(own, "good", "bad")))
            .Task("names", heads.Tagger, Names, Names, ownModel: made is null ? null : own => Seen(Pretrained.TokenClassifier(own, ["PER"])))
            .With(o => o with { Epochs = 4, BatchSize = 4, Optimizer = Optimizer.Sgd(0.05), Schedule = Schedule.Constant(), ClipNorm = null })
            .ComparedWithAlone(keepBetter: made is not null);
    }

    private static TextClassifier<string> Mood(Trunk trunk, params string[] labels) =>
        Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = labels, FreshHead = true });

    private static bool IsAlive(TunableModel model)
    {
        try
        {
            return model.Weights.ParameterCount() > 0;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private static void AssertSame(MetricReport expected, MetricReport actual) => Assert.Equal(expected.Values, actual.Values);
}
