using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tests.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>A model that learns a teacher's distributions.</summary>
public sealed class DistillationTests
{
    // Together more tokens than are computed at a time.
    private static readonly PromptCompletion[] Examples =
    [
        new("The film was", " good and long, and nobody in the whole house ever said that it was not; it went on and on until the lights came back."),
        new("2015 was", " a year of the long kind, with many days and more nights, and a few of them were not even bad, as some people said") { Weight = 2 },
        PromptCompletion.OfText("It is what it is."), new("In", " b c d e f"),
    ];

    private static CausalLanguageModel Open() => Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"), new LanguageModelOptions { Dropout = 0 });

    [Theory]
    [InlineData(0.0, 1.0)]
    [InlineData(0.3, 2.0)]
    [InlineData(1.0, 0.7)]
    public void The_gradient_is_that_of_its_formula(double mixture, double temperature)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor own = randn([4, 6], ScalarType.Float64, generator: generator).requires_grad_(true), theirs = randn([4, 6], ScalarType.Float64, generator: generator);
        GradientCheck.Check(() => GeneralizedDivergence.PerToken(own, theirs, mixture, temperature).sum(), [("scores", own)]);
        // No distribution is nearer to the teacher's than its own.
        Assert.Equal(0, GeneralizedDivergence.PerToken(theirs, theirs, mixture, temperature).sum().item<double>(), 1e-12);
        Assert.True(GeneralizedDivergence.PerToken(own, theirs, mixture, temperature).ge(Held(0)).all().item<bool>());
    }

    [Fact]
    public void Gradients_of_a_few_tokens_at_a_time_are_those_of_all_and_none_reaches_the_teacher()
    {
        using CausalLanguageModel student = Open(), teacher = Open();
        using var scope = NewDisposeScope();
        using (no_grad()) teacher.Weights.First(weight => weight.Value.dim() == 2).Value.mul_(Held(1.3));
        TunableModel<PromptCompletion> view = student.DistilledFrom(teacher.Head, 0.3, 1.5);
        EncodedRow[] rows = [.. Examples.Select(example => view.Encode(example, new EncodingReport())!)];
        Batch batch = view.Collate(rows, rows.Max(row => row.Length));
        Assert.True(((LanguageBatch)batch).Tokens > 128, $"{((LanguageBatch)batch).Tokens} tokens");
        double sum = view.AddGradients(batch, ForwardContext.Evaluation());
        Tensor[] parts = [.. student.Weights.Select(weight => weight.Value.grad!.clone())];
        foreach (Weight weight in student.Weights) weight.Value.grad = null;
        Tensor loss = view.SumLoss(batch, ForwardContext.Evaluation());
        Assert.Equal(loss.Number(), sum, 1e-4 * sum);
        loss.backward();
        Assert.All(student.Weights.Zip(parts), pair =>
        {
            double difference = (pair.First.Value.grad! - pair.Second).abs().max().Number(), largest = pair.First.Value.grad!.abs().max().Number();
            Assert.True(difference <= 1e-4 * Math.Max(largest, 1e-3), $"{pair.First.Name} differs by {difference} of {largest}");
        });
        Assert.All(teacher.Weights, weight => Assert.Null(weight.Value.grad));
    }

    [Fact]
    public void A_student_comes_near_its_teacher()
    {
        using CausalLanguageModel student = Open(), teacher = Open();
        using (no_grad())
        {
            foreach (Weight weight in teacher.Weights.Where(weight => weight.Value.dim() == 2)) weight.Value.mul_(Held(1.3));
        }
        TunableModel<PromptCompletion> view = student.DistilledFrom(teacher.Head);
        MetricReport before = view.Evaluate(Examples);
        TrainingResult result = FineTuner.For(view).WithOptimizer(Optimizer.AdamW(learningRate: 3e-3)).Epochs(20).BatchSize(2).ValidateOn(Examples).Train(Examples);
        Assert.True(result.Metrics!["loss"] < 0.3 * before["loss"], $"{result.Metrics} after {before}");
        Assert.Equal(student.Evaluate(Examples)["perplexity"], result.Metrics["perplexity"], 1e-6);
        view.Dispose();
        Assert.NotNull(student.Generate("The film", new() { MaxNewTokens = 2 }));
    }

    [Fact]
    public void What_does_not_fit_is_said_at_once()
    {
        using CausalLanguageModel student = Open();
        Assert.Equal(3, Assert.Throws<InvalidOptionsException>(() => student.DistilledFrom(student.Head, 2, 0)).Violations.Count);
        using OutputHead other = OutputHead.Load(Goldens.Require("preference", "base"), HeadKind.CausalLanguage);
        Assert.Contains("outputs", Assert.Throws<InvalidOptionsException>(() => student.DistilledFrom(other)).Message, StringComparison.Ordinal);
    }
}
