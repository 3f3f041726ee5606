using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The README's code, on the checkpoint and the sentences of the sample.</summary>
public sealed class ReadmeTests : IDisposable
{
    private static readonly string Sample = Path.Combine(Goldens.Repository, "docs", "samples", "QuickStart");
    private static readonly string checkpoint = Path.Combine(Sample, "starter");
    private static readonly LabeledText<Intent>[] train = Read("train.csv"), dev = Read("dev.csv");

    private readonly string output = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    private enum Intent
    {
        Account,
        Billing,
        Cancellation,
        Defect,
        Delivery,
    }

    private sealed record Request(string Body, Intent Intent);

    public void Dispose()
    {
        if (Directory.Exists(output)) Directory.Delete(output, recursive: true);
    }

    [Fact]
    public void Tuning()
    {
        Request[] requests = [.. train.Select(row => new Request(row.Text, row.Label))];
        // snippet: tuning
        using var model = Pretrained.TextClassifier<Intent>(checkpoint);

        TrainingResult result = FineTuner.For(model)
            .Freeze(weights => weights.Embeddings())
            .WithOptimizer(Optimizer.AdamW(learningRate: 3e-4))
            .WithScheduler(Schedule.Linear(warmup: 0.06))
            .ValidateOn(dev).StopEarly(patience: 2)
            .Train(requests.Select(request => new LabeledText<Intent>(request.Body, request.Intent)));

        Classification<Intent> answer = model.Predict("The parcel never arrived");
        model.Save(output);
        // end
        Assert.NotNull(answer);
        using var again = Pretrained.TextClassifier<Intent>(output);
        Assert.Equal(answer.Confidence, again.Predict("The parcel never arrived").Confidence, 1e-9);
        // snippet: result
        double accuracy = result.Metrics!["accuracy"];
        double f1 = result.Metrics["f1_macro"];
        int cut = result.TrainingData.TruncatedExamples;
        string summary = result.ToString();
        result.SaveReport(Path.Combine(output, "report.html"));
        // end
        LabeledText<Intent>[] test = dev;
        // snippet: evaluate
        model.AddMetric(UserMetric.Of<Intent, Classification<Intent>>("sure_and_wrong", MetricDirection.Lower, (intents, answers) =>
            intents.Zip(answers).Count(pair => pair.Second.Label != pair.First && pair.Second.Confidence > 0.9)));
        MetricReport tested = model.Evaluate(test);
        // end
        Assert.Equal(accuracy, tested["accuracy"]);
        Assert.InRange(tested["sure_and_wrong"], 0, test.Length);
        Assert.InRange(accuracy, 0.6, 1);   // always the same label: 0.2
        Assert.InRange(f1, 0.6, 1);
        Assert.Equal(0, cut);
        Assert.Contains("accuracy", summary);
        Assert.True(File.Exists(Path.Combine(output, "report.html")));
    }

    [Fact]
    public void Diagnosis()
    {
        // snippet: diagnosis
        RuntimeDiagnosis diagnosis = FineTuningRuntime.Diagnose();
        string report = diagnosis.ToString();           // versions, processor features, devices, threads
        string? problem = diagnosis.Problem;            // null: all is well; else what is missing and what to install
        // end
        Assert.Contains("TorchSharp", report);
        Assert.Null(problem);
    }

    [Fact]
    public void Reading()
    {
        string file = Path.Combine(Sample, "data", "train.csv");
        // snippet: reading
        IEnumerable<LabeledText<string>> byName = Csv.Read(file).LabeledTexts<string>(text: "text", label: "label");

        IEnumerable<LabeledText<string>> byLambda = Csv.Read(file).Select(row => new LabeledText<string>(row["text"].Trim(), row["label"]) { Weight = 0.5 });
        // end
        Assert.Equal(byName.Select(row => row.Label), byLambda.Select(row => row.Label));
        Assert.Equal(train.Length, byName.Count());
    }

    [Fact]
    public void Recipe()
    {
        using var model = Pretrained.TextClassifier<Intent>(checkpoint);
        // snippet: recipe
        var recipe = FineTuner.For(model)
            .Freeze(weights => weights.Embeddings().Layers(..1))   // no gradient, no dropout, no optimizer state
            .WithLayerDecay(0.9)                                   // lower layers learn more slowly
            .WithOptimizer(Optimizer.AdamW(learningRate: 5e-5, weightDecay: 0.01))
            .WithScheduler(Schedule.Cosine(warmup: 0.1))
            .BatchSize(16, accumulation: 2)
            .EvaluateEvery(EvaluationInterval.Share(0.5))
            .StopEarly(patience: 3, metric: "f1_macro")
            .TimeLimit(TimeSpan.FromMinutes(10));
        // end
        TrainingResult result = recipe.Epochs(1).ValidateOn(dev).Train(train);
        Assert.Equal("f1_macro", result.Metric);
        // 260 rows in windows of 32 are 9 steps: after every half of them, rounded, and at the end.
        Assert.Equal([4, 8, 9], result.Evaluations.Select(evaluation => evaluation.Step));
        Assert.True(result.Parameters.Trainable < result.Parameters.Total);
    }

    [Fact]
    public async Task Service()
    {
        using var model = Pretrained.TextClassifier<Intent>(checkpoint);
        var logger = NullLogger.Instance;
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        TrainingProgress? latest = null;
        // snippet: service
        TrainingResult result = await FineTuner.For(model)
            .WithLogger(logger)
            .Epochs(2)
            .TrainAsync(train, new Progress<TrainingProgress>(step => latest = step), cancellation);

        IPredictor<string, Classification<Intent>> predictor = model;
        IReadOnlyList<Classification<Intent>> answers = predictor.PredictBatch(["Where is my parcel?", "I forgot my password"]);
        // end
        Assert.Equal(2, answers.Count);
        Assert.Equal(2, result.Epochs, 1e-9);
        Assert.True(latest is null || latest.Step <= result.Steps);
    }

    [Fact]
    public void A_task_of_ones_own()
    {
        LabeledText<string>[] sentences =
        [
            new("The train to London leaves at nine in the morning", "English"), new("I would like to have a cup of tea with you", "English"),
            new("They were thinking about the weather yesterday", "English"), new("What have you done with the other half of it", "English"),
            new("Der Zug nach Berlin fährt heute nicht mehr", "German"), new("Ich möchte gerne eine Tasse Kaffee trinken", "German"),
            new("Zwischen den Häusern wächst ein kleiner Baum", "German"), new("Können Sie mir bitte den Weg zeigen", "German"),
        ];
        // snippet: custom-run
        using var guesser = new LanguageGuesser("English", "German");
        TrainingResult result = FineTuner.For(guesser)
            .WithOptimizer(Optimizer.AdamW(learningRate: 0.05))
            .Epochs(30).BatchSize(4)
            .ValidateOn(sentences)
            .Train(sentences);
        string language = guesser.Predict("Der Zug nach Zürich hat zwei Stunden Verspätung");
        // end
        Assert.Equal(1, result.Metrics!["accuracy"]);
        Assert.Equal("German", language);
    }

    [Fact]
    public void A_task_of_ones_own_on_a_pretrained_encoder()
    {
        ScoredText[] reviews =
        [
            new("great, I love it and would buy it again", 5), new("great quality and a great price", 5), new("good, it does what it should", 4),
            new("good but not great", 4), new("it is all right", 3), new("all right for the price", 3), new("bad, it often fails", 2),
            new("bad and too slow", 2), new("terrible, it broke at once", 1), new("terrible, I want my money back", 1),
        ];
        // snippet: star-rater-run
        using var rater = new StarRater(checkpoint);
        TrainingResult result = FineTuner.For(rater)
            .Freeze(weights => weights.Embeddings())
            .WithOptimizer(Optimizer.AdamW(learningRate: 2e-3))
            .WithRate(weights => weights.Named("stars.*"), 10)
            .Epochs(20).BatchSize(8)
            .ValidateOn(reviews)
            .Train(reviews);
        int stars = rater.Predict("great, I would buy it again");
        // end
        Assert.True(result.Metrics!["mae"] < 0.5, result.ToString());
        Assert.True(result.Evaluations[0].Metrics["mae"] > result.Metrics["mae"] + 0.3, "it was learned during the run");
        Assert.InRange(stars, 4, 5);
        Assert.NotNull(rater.Weights.Find("stars.cuts"));
    }

    private static LabeledText<Intent>[] Read(string name) => [.. Csv.Read(Path.Combine(Sample, "data", name)).LabeledTexts<Intent>()];
}
