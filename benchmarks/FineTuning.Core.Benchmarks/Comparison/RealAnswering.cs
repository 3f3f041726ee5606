using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Questions about Amazon reviews with the reference trainer's recipe.</summary>
internal static class RealAnswering
{
    private const int TrainingQuestions = 4000;
    private const int DevStart = 9000;
    private const int TestStart = 9300;
    private const int TestEnd = 9885;

    public static void Run(Arguments arguments)
    {
        using JsonDocument scores = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Shared.Root, "goldens", "real", "scores.json")));
        JsonElement reference = scores.RootElement.GetProperty("squadshifts"), recipe = reference.GetProperty("recipe");
        AnsweredQuestion[] all = Questions();
        AnsweredQuestion[] train = all[..TrainingQuestions], dev = all[DevStart..TestStart], test = all[TestStart..TestEnd];
        JsonElement[] runs = [.. reference.GetProperty("runs").EnumerateArray()];
        Console.WriteLine($"squadshifts: reference dev {string.Join(" | ", runs.Select(run => string.Join(", ", run.GetProperty("dev").EnumerateArray().Select(Both))))}");
        Console.WriteLine($"squadshifts: reference test {string.Join(" | ", runs.Select(run => Both(run.GetProperty("test"))))}");
        foreach (int seed in Enumerable.Range(1, arguments.Number("seeds", 1)))
        {
            using QuestionAnswerer model = Pretrained.QuestionAnswerer(Shared.Model, new QuestionAnswererOptions
            {
                MaximumLength = recipe.GetProperty("max_length").GetInt32(), Stride = 64, CandidateCount = 20, LongestAnswer = 30, Seed = seed,
            });
            TrainingResult result = FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(recipe.GetProperty("learning_rate").GetDouble(), recipe.GetProperty("weight_decay").GetDouble()))
                .WithScheduler(Schedule.Linear(warmup: recipe.GetProperty("warmup").GetDouble()))
                .BatchSize(recipe.GetProperty("per_device_train_batch_size").GetInt32()).Epochs(recipe.GetProperty("num_train_epochs").GetInt32()).Seed(seed)
                .With(options => options with { KeepBest = false })
                .ValidateOn(dev).OnEvaluation(entry => Console.WriteLine($"  epoch {entry.Epoch:0}: dev {Scores(entry.Metrics)}, loss {Four(entry.Metrics["loss"])}"))
                .Train(train);
            var accumulator = new AnswerAccumulator(allowsNoAnswer: false);
            IReadOnlyList<AnswerSpan> answers = model.PredictBatch([.. test.Select(question => (question.Question, question.Context))]);
            for (int i = 0; i < test.Length; i++) accumulator.Add(answers[i].Text, [.. test[i].Answers.Select(answer => answer.Text)]);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"seed {seed}: test {Scores(accumulator.Report(0))} in {result.TrainingTime.TotalSeconds:0} s of training, {result.TrainingRows} windows, {result.TokensPerSecond:0} tokens/s, {result.PaddingShare:P1} padding"));
            foreach (string warning in result.Warnings) Console.WriteLine($"  note: {warning}");
        }
    }

    private static AnsweredQuestion[] Questions()
    {
        string file = Path.GetTempFileName();
        try
        {
            using (FileStream packed = File.OpenRead(Shared.Data("squadshifts", "amazon_reviews_v1.0.json.gz")))
            using (var unpacked = new GZipStream(packed, CompressionMode.Decompress))
            using (FileStream target = File.Create(file))
            {
                unpacked.CopyTo(target);
            }
            return [.. Squad.Read(file, new JsonReadingOptions { OnProblem = problem => Console.WriteLine($"  {problem.Message}") })];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Scores(MetricReport report) => $"F1 {Four(report["f1"])}, exact {Four(report["exact_match"])}";

    private static string Both(JsonElement scores) => $"F1 {Four(scores.GetProperty("f1").GetDouble())}, exact {Four(scores.GetProperty("exact").GetDouble())}";

    private static string Four(double value) => value.ToString("0.0000", CultureInfo.InvariantCulture);
}
