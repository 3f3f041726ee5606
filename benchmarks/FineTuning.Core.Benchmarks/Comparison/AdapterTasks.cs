using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Methods on real tasks: score, share of the numbers that train, memory, processor time of the whole process. Each run is a process of its own, and its line is added to a file: a table that
/// was stopped goes on where it was.
/// </summary>
internal static class AdapterTasks
{
    private static readonly Method[] Methods =
    [
        new("full", 1, 1, () => null),
        new("lora", 3, 10, Lora),
        new("dora", 1, 10, () => Adapter.Dora(16, 32).On(l => l.AllLinear())),
        new("ia3", 1, 100, Adapter.Scaling),
        new("bitfit", 1, 20, Adapter.AllBiases),
        new("head", 1, 20, () => null),
        new("lora on bfloat16", 1, 10, Lora) { Trunk = new() { FrozenPrecision = Precision.BFloat16 } },
        new("lora on 8 bits", 1, 10, Lora) { Trunk = new() { Quantization = new(QuantizationKind.Int8) } },
        new("lora on 4 bits", 1, 10, Lora) { Trunk = new() { Quantization = new(QuantizationKind.NormalFloat4) } },
    ];

    public static void Run(Arguments arguments)
    {
        if (arguments.Text("cell", "") is { Length: > 0 } cell)
        {
            if (arguments.Number("threads", 0) is > 0 and int threads) FineTuningRuntime.Threads = threads;
            string[] parts = cell.Split('/');
            One(parts[0], parts[1], int.Parse(parts[2], CultureInfo.InvariantCulture), arguments.Number("rows", int.MaxValue));
            return;
        }
        string results = Path.GetFullPath(arguments.Text("results", "adapter-tasks.tsv"));
        HashSet<string> done = File.Exists(results) ? [.. File.ReadLines(results).Select(line => line.Split('\t')[0])] : [];
        foreach (string task in arguments.Text("tasks", "sst2,banking77,wnut17").Split(','))
        {
            string[] wanted = arguments.Text("methods", string.Join(',', Methods.Select(method => method.Name))).Split(',');
            foreach ((string name, int seeds, _, _) in Methods.Where(method => wanted.Contains(method.Name)))
            {
                for (int seed = 1; seed <= seeds; seed++)
                {
                    string key = $"{task}/{name}/{seed}";
                    if (done.Contains(key)) continue;
                    string line = OwnProcess.Lines(
                        "adapters", "--what", "real", "--cell", key, "--rows", arguments.Text("rows", $"{int.MaxValue}"), "--threads", arguments.Text("threads", "0"))[^1];
                    File.AppendAllText(results, $"{key}\t{line}\n");
                    Console.WriteLine($"{key}\t{line}");
                }
            }
        }
    }

    private static void One(string task, string method, int seed, int rows)
    {
        Method chosen = Methods.First(own => own.Name == method);
        using JsonDocument scores = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Shared.Root, "goldens", "real", "scores.json")));
        JsonElement recipe = scores.RootElement.GetProperty(task).GetProperty("recipe");
        FineTuner<TExample> Tuner<TExample>(TunableModel<TExample> model)
        {
            FineTuner<TExample> tuner = FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(chosen.Rate * recipe.GetProperty("learning_rate").GetDouble(), recipe.GetProperty("weight_decay").GetDouble()))
                .WithScheduler(Schedule.Linear(warmup: recipe.GetProperty("warmup").GetDouble()))
                .BatchSize(recipe.GetProperty("per_device_train_batch_size").GetInt32()).Epochs(recipe.GetProperty("num_train_epochs").GetInt32()).Seed(seed)
                .With(options => options with { KeepBest = false });
            if (chosen.Adapter() is { } own) return tuner.WithAdapter(own);
            return method == "head" ? tuner.Freeze(weights => weights.Trunk()) : tuner;
        }
        using Trunk trunk = Pretrained.Trunk(Shared.Model, chosen.Trunk);
        if (task == "wnut17")
        {
            (TaggedText[] train, TaggedText[] test, string[] types) = RealTagging.Data();
            using TokenClassifier model = Pretrained.TokenClassifier(trunk, types, new TokenClassifierOptions
            {
                MaximumLength = recipe.GetProperty("max_length").GetInt32(), Seed = seed,
            });
            TrainingResult result = Tuner(model).Train([.. train.Take(rows)]);
            var entities = new EntityAccumulator(model.Tags.Scheme);
            foreach ((TaggedPrediction answer, TaggedText row) in model.Tag(test).Zip(test))
                entities.Add(((TaggedWords)row).Tags, [.. answer.Words.Select(word => word.Tag)]);
            Report(model, result, entities.Report(double.NaN)["f1"]);
        }
        else
        {
            (LabeledText<string>[] train, _, LabeledText<string>[] test) = RealCommand.Data(task);
            string[] labels = [.. train.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
            using TextClassifier<string> model = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string>
            {
                Labels = labels, MaximumLength = recipe.GetProperty("max_length").GetInt32(), Seed = seed,
            });
            TrainingResult result = Tuner(model).Train([.. train.Take(rows)]);
            IReadOnlyList<Classification<string>> answers = model.PredictBatch([.. test.Select(row => row.Text)]);
            Report(model, result, answers.Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average());
        }
    }

    private static void Report(TunableModel model, TrainingResult result, double score)
    {
        using Process own = Process.GetCurrentProcess();
        double share = (double)model.Weights.ParameterCount(trainableOnly: true) / model.Weights.ParameterCount();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{score:0.0000}\t{share:P3}\t{own.PeakWorkingSet64 / 1e6:0} MB\t{own.TotalProcessorTime.TotalSeconds:0} s\t{string.Join("; ", result.Warnings)}"));
    }

    private static LoraAdapter Lora() => Adapter.Lora(16, 32).On(l => l.AllLinear());

    /// <param name="Name">In the command and the table.</param>
    /// <param name="Seeds">How many runs.</param>
    /// <param name="Rate">Times the recipe's.</param>
    /// <param name="Adapter">Null: there is none.</param>
    private sealed record Method(string Name, int Seeds, double Rate, Func<Adapter?> Adapter)
    {
        /// <summary>How the trunk is kept.</summary>
        public ModelLoadOptions Trunk { get; init; } = new();
    }
}
