using System.Globalization;
using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Whole runs on real data with the reference trainer's recipe; prints both scores.</summary>
internal static class RealCommand
{
    public static void Run(Arguments arguments)
    {
        string task = arguments.Text("task", "sst2");
        if (task == "squadshifts")
        {
            RealAnswering.Run(arguments);
            return;
        }
        if (task == "e2e_nlg")
        {
            RealWriting.Run(arguments);
            return;
        }
        if (task == "wnut17")
        {
            RealTagging.Run(arguments);
            return;
        }
        using JsonDocument scores = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Shared.Root, "goldens", "real", "scores.json")));
        JsonElement reference = scores.RootElement.GetProperty(task), recipe = reference.GetProperty("recipe");
        (LabeledText<string>[] train, LabeledText<string>[] dev, LabeledText<string>[] test) = Data(task);
        string[] labels = [.. train.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
        Console.WriteLine($"{task}: reference test scores {string.Join(", ", reference.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("test").EnumerateObject().First().Value.GetDouble().ToString("0.####", CultureInfo.InvariantCulture)))}");
        foreach (int seed in Enumerable.Range(1, arguments.Number("seeds", 1)))
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = labels, MaximumLength = recipe.GetProperty("max_length").GetInt32(), Seed = seed });
            TrainingResult result = FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(recipe.GetProperty("learning_rate").GetDouble(), recipe.GetProperty("weight_decay").GetDouble()))
                .WithScheduler(Schedule.Linear(warmup: recipe.GetProperty("warmup").GetDouble()))
                .BatchSize(recipe.GetProperty("per_device_train_batch_size").GetInt32()).Epochs(recipe.GetProperty("num_train_epochs").GetInt32()).Seed(seed)
                .With(options => options with { KeepBest = false })
                .ValidateOn(dev).OnEvaluation(entry => Console.WriteLine($"  epoch {entry.Epoch:0}: dev accuracy {entry.Metrics["accuracy"]:0.####}, loss {entry.Metrics["loss"]:0.####}"))
                .Train(train);
            IReadOnlyList<Classification<string>> answers = model.PredictBatch([.. test.Select(row => row.Text)]);
            double accuracy = answers.Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}: test accuracy {accuracy:0.####} in {result.TrainingTime.TotalSeconds:0} s of training, {result.TokensPerSecond:0} tokens/s, {result.PaddingShare:P1} padding"));
        }
    }

    internal static (LabeledText<string>[] Train, LabeledText<string>[] Dev, LabeledText<string>[] Test) Data(string task)
    {
        LabeledText<string>[] Tsv(string name) => [.. File.ReadLines(Shared.Data("sst2", name)).Select(line => line.Split('\t')).Where(parts => parts.Length == 2).Select(parts => new LabeledText<string>(parts[0], parts[1]))];
        return task switch
        {
            "sst2" => (Tsv("train.tsv"), Tsv("dev.tsv"), Tsv("test.tsv")),
            "banking77" => Banking77.Read(),
            "sms_spam" => SmsSpam.Read(),
            _ => throw new ArgumentException($"the task '{task}' is not known here"),
        };
    }
}
