using System.Globalization;
using FineTuning.Adapters;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>The peak memory of recipes: estimated in one process, measured over a run in another.</summary>
internal static class EstimateCommand
{
    private const double Megabyte = 1048576;

    private static readonly Dictionary<string, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>>> Classifiers = new()
    {
        ["full"] = tuner => tuner,
        ["frozen"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..4)),
        ["head"] = tuner => tuner.Freeze(l => l.Trunk()),
        ["bfloat16"] = tuner => tuner.WithPrecision(Precision.BFloat16),
        ["checkpointing"] = tuner => tuner.WithGradientCheckpointing(),
        ["checkpointing-half"] = tuner => tuner.WithGradientCheckpointing(l => l.Layers(..3)),
        ["accumulation"] = tuner => tuner.BatchSize(16, accumulation: 4),
        ["lora"] = tuner => tuner.WithAdapter(Adapter.Lora(rank: 8)),
        ["sgd"] = tuner => tuner.WithOptimizer(Optimizer.Sgd(0.01)),
        ["large-batch"] = tuner => tuner.BatchSize(128),
    };

    private static readonly Dictionary<string, Func<FineTuner<PromptCompletion>, FineTuner<PromptCompletion>>> Decoders = new()
    {
        ["causal"] = tuner => tuner.BatchSize(16),
        ["causal-checkpointing"] = tuner => tuner.BatchSize(16).WithGradientCheckpointing(),
        ["causal-large"] = tuner => tuner.BatchSize(64),
    };

    public static void Run(Arguments arguments)
    {
        string recipe = arguments.Text("recipe", "");
        if (recipe.Length > 0)
        {
            FineTuningRuntime.Load();
            bool measures = arguments.Text("what", "") == "measure";
            if (Decoders.TryGetValue(recipe, out var decoder)) Causal(decoder, measures, arguments);
            else Classify(Classifiers[recipe.Split('/')[^1]], recipe.StartsWith("tiny/", StringComparison.Ordinal), measures, arguments);
            return;
        }
        string[] recipes = arguments.Text("recipes", string.Join(',', [.. Classifiers.Keys, "tiny/full", "tiny/checkpointing", .. Decoders.Keys])).Split(',');
        Console.WriteLine("recipe                  estimated MB   measured MB    ratio");
        var worst = 0.0;
        foreach (string name in recipes)
        {
            double estimated = InOwnProcess(name, "estimate", arguments), measured = InOwnProcess(name, "measure", arguments);
            worst = Math.Max(worst, Math.Abs((estimated / measured) - 1));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-22} {estimated / Megabyte,13:0} {measured / Megabyte,13:0} {estimated / measured,8:0.000}"));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the worst is {worst:P1} off; wanted: 10 % at most"));
    }

    private static double InOwnProcess(string recipe, string what, Arguments arguments)
    {
        string[] lines = OwnProcess.Lines("estimate", "--recipe", recipe, "--what", what, "--steps", arguments.Text("steps", "24"), "--rows", arguments.Text("rows", "2000"));
        if (arguments.Text("verbose", "") == "true") Console.WriteLine($"  {what}: {string.Join("; ", lines)}");
        return double.Parse(lines[^1], CultureInfo.InvariantCulture);
    }

    private static void Classify(Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> recipe, bool isTiny, bool measures, Arguments arguments)
    {
        (LabeledText<string>[] train, LabeledText<string>[] dev, _) = RealCommand.Data("sst2");
        train = [.. train.Take(arguments.Number("rows", 2000))];
        string folder = isTiny ? Path.Combine(Suites.SuiteModel.Sample, "starter") : Shared.Model;
        using TextClassifier<string> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = ["0", "1"], FreshHead = true, MaximumLength = 128 });
        int steps = arguments.Number("steps", 24);
        // Evaluated in the middle, so that training goes on beside the snapshot.
        Report(recipe(FineTuner.For(model).BatchSize(64)).Steps(steps).ValidateOn(dev.Take(400)).EvaluateEvery(EvaluationInterval.Steps(steps / 2)), train, measures);
    }

    private static void Causal(Func<FineTuner<PromptCompletion>, FineTuner<PromptCompletion>> recipe, bool measures, Arguments arguments)
    {
        string folder = Path.Combine(Path.GetTempPath(), "finetuning-estimate-decoder");
        PromptCompletion[] data = GsmCommand.Data("train", arguments.Number("rows", 2000));
        if (!Directory.Exists(folder)) SmallDecoder.Make(folder, data.SelectMany(row => new[] { row.Prompt.Text!, row.Completion.Text! }), "gpt2", (8000, 384, 6, 6, 512));
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder);
        int steps = arguments.Number("steps", 24);
        Report(recipe(FineTuner.For(model)).Steps(steps).ValidateOn(data.Take(50)).EvaluateEvery(EvaluationInterval.Steps(steps / 2)), data, measures);
    }

    private static void Report<T>(FineTuner<T> tuner, IReadOnlyList<T> data, bool measures)
    {
        if (measures)
        {
            double peak = tuner.Train(data).PeakMemory;
            Console.WriteLine(peak.ToString(CultureInfo.InvariantCulture));
            return;
        }
        MemoryEstimate estimate = tuner.Estimate(data);
        Console.WriteLine(estimate);
        Console.WriteLine(estimate.Peak.ToString(CultureInfo.InvariantCulture));
    }
}
