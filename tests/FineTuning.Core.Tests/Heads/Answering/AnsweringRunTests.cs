using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads.Answering;

/// <summary>Whole runs: the model learns to find words, says where there are none, and comes back from its folder as it was.</summary>
public sealed class AnsweringRunTests : IDisposable
{
    private readonly TinyAnswerer _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Learns_to_answer_and_to_refuse_and_keeps_the_threshold_in_its_folder()
    {
        using QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { AllowsNoAnswer = true, Stride = 8 });
        List<AnsweredQuestion> test = TinyAnswerer.Data(60, 3, true);
        var told = new List<EvaluationRecord>();
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(3e-3)).Epochs(6).BatchSize(16).OnEvaluation(told.Add)
            .ValidateOn(TinyAnswerer.Data(60, 2, true)).Train(TinyAnswerer.Data(400, 1, true));
        Assert.Equal("best_f1", result.Metric);
        Assert.True(result.Metrics!["best_f1"] > 0.95, result.ToString());
        Assert.True(result.TrainingRows > 400);
        Assert.Equal(result.Metrics["best_f1_threshold"], model.NoAnswerThreshold);
        AnswerSpan[] answers = [.. model.PredictBatch([.. test.Select(example => (example.Question, example.Context))])];
        double right = test.Zip(answers, (example, answer) => answer.Text == (example.IsAnswerable ? example.Answers[0].Text : "") ? 1.0 : 0).Average();
        Assert.True(right > 0.9, $"{right}");
        Assert.All(answers.Where(answer => answer.HasAnswer).Zip(test.Where((_, i) => answers[i].HasAnswer)), pair => Assert.Equal(pair.First.Text, pair.Second.Context[pair.First.Start..pair.First.End]));

        string folder = _tiny.Folder + "-saved";
        try
        {
            model.NoAnswerThreshold = 0.75;
            model.Save(folder);
            Assert.Contains("BertForQuestionAnswering", File.ReadAllText(Path.Combine(folder, "config.json")), StringComparison.Ordinal);
            using QuestionAnswerer again = Pretrained.QuestionAnswerer(folder);
            Assert.Empty(again.Head.LoadReport.Fresh);
            Assert.Equal((0.75, true, 8, 48), (again.NoAnswerThreshold, again.AllowsNoAnswer, again.Stride, again.MaximumLength));
            AnswerSpan one = model.Predict(test[1].Question, test[1].Context), other = again.Predict((test[1].Question, test[1].Context));
            Assert.Equal(one.Candidates, other.Candidates);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Version_one_scores_exact_match_and_f1_and_a_named_threshold_stays()
    {
        using QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { NoAnswerThreshold = 2 });
        TrainingResult result = FineTuner.For(model).Steps(2).ValidateOn(TinyAnswerer.Data(5, 2, false)).Train(TinyAnswerer.Data(20, 1, false));
        Assert.Equal("f1", result.Metric);
        Assert.Equal(["loss", "exact_match", "f1"], result.Metrics!.Values.Select(pair => pair.Key));
        Assert.Equal(2, model.NoAnswerThreshold);
        Assert.Null(model.Predict(("what colour has it?", "the red house")).NoAnswerMargin);
    }

    [Fact]
    public void A_report_names_the_examples_that_were_left_out()
    {
        using QuestionAnswerer model = _tiny.Load();
        List<AnsweredQuestion> data = [.. TinyAnswerer.Data(8, 1, false), new("what?", "red", new GivenAnswer("blue", 0)) { Id = "odd one" }];
        TrainingResult result = FineTuner.For(model).Steps(1).Train(data);
        Assert.Contains(result.Warnings, warning => warning.Contains("odd one", StringComparison.Ordinal));
        Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Steps(1).Train(data[^1..]));
    }
}
