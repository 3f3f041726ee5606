using System.Text.Json;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Whole runs of the reference trainer, step by step: loss, rate, gradient norm, evaluations, best step and final weights.</summary>
public sealed class GoldenTrainingTests
{
    public static TheoryData<string> Runs()
    {
        var runs = new TheoryData<string>();
        if (Goldens.Folder("training") is not { } root) return runs;
        foreach (string run in Directory.GetDirectories(root).Order(StringComparer.Ordinal)) runs.Add(Path.GetFileName(run));
        return runs;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Runs))]
    public void Equals_the_reference(string run)
    {
        string folder = Goldens.Require("training", run);
        if (OutputHead.ReadHead(folder).Serves(HeadKind.SequenceClassification) == true)
        {
            using var model = new RowsClassifier(OutputHead.Load(folder, HeadKind.SequenceClassification, OutputHead.ReadLabels(folder).Count));
            Compare(folder, model, Read);
            return;
        }
        ConfigFile config = ConfigFile.Read(folder);
        bool reads = ModelFamilies.Of(config).Read(config).Heads.ContainsKey(HeadKind.SequenceToSequence);
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        double smoothing = golden.RootElement.GetProperty("arguments").TryGetProperty("label_smoothing_factor", out JsonElement given) ? given.GetDouble() : 0;
        using var writer = new RowsWriter(OutputHead.Load(folder, reads ? HeadKind.SequenceToSequence : HeadKind.CausalLanguage), smoothing);
        Compare(folder, writer, ReadTargets);
    }

    private static void Compare<TExample>(string folder, TunableModel<TExample> model, Func<string, List<TExample>> read)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        JsonElement arguments = golden.RootElement.GetProperty("arguments");
        string dev = Path.Combine(folder, "dev.json");
        FineTuner<TExample> tuner = FineTuner.For(model).With(_ => Recipe(arguments)).Freeze(filter => Unchanged(folder).Aggregate(filter, (all, name) => all.Named(name)));
        if (File.Exists(dev)) tuner = tuner.ValidateOn(read(dev));
        TrainingResult result = tuner.Train(read(Path.Combine(folder, "rows.json")));

        var differences = new List<string>();
        JsonElement[] steps = [.. golden.RootElement.GetProperty("steps").EnumerateArray()];
        Assert.Equal(steps.Length, result.History.Count);
        for (int i = 0; i < steps.Length; i++)
        {
            StepRecord step = result.History[i];
            Near(differences, $"step {i + 1} loss", steps[i].GetProperty("loss").GetDouble(), step.Loss, i == 0 ? 1e-5 : 1e-4);
            Near(differences, $"step {i + 1} rate", steps[i].GetProperty("learning_rate").GetDouble(), step.LearningRate, 1e-9);
            Near(differences, $"step {i + 1} norm", steps[i].GetProperty("grad_norm").GetDouble(), step.GradientNorm, 1e-3);
        }
        JsonElement[] evaluations = [.. golden.RootElement.GetProperty("evaluations").EnumerateArray()];
        for (int i = 0; i < evaluations.Length; i++)
        {
            Near(differences, $"evaluation {i} loss", evaluations[i].GetProperty("eval_loss").GetDouble(), result.Evaluations[i].Metrics["loss"], 1e-4);
            Near(differences, $"evaluation {i} accuracy", evaluations[i].GetProperty("eval_accuracy").GetDouble(), result.Evaluations[i].Metrics["accuracy"], 1e-9);
            Assert.Equal(evaluations[i].GetProperty("step").GetInt64(), result.Evaluations[i].Step);
        }
        if (golden.RootElement.GetProperty("best_step").ValueKind == JsonValueKind.Number) Assert.Equal(golden.RootElement.GetProperty("best_step").GetInt64(), result.Best!.Step);
        CompareWeights(folder, model.Weights, differences, IsAdafactor(arguments) ? 1e-3 : 1e-4);
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static TrainingOptions Recipe(JsonElement arguments)
    {
        double Number(string name, double fallback) => arguments.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : fallback;
        int warmup = (int)Number("warmup_steps", 0);
        Schedule schedule = arguments.GetProperty("lr_scheduler_type").GetString() switch
        {
            "linear" => Schedule.Linear(warmup),
            "cosine" => Schedule.Cosine(warmup),
            "constant" => Schedule.Constant(),
            "inverse_sqrt" => Schedule.InverseSquareRoot(warmup),
            "polynomial" => Schedule.Polynomial(1, 1e-7 / Number("learning_rate", 0), warmup),
            "constant_with_warmup" => Schedule.Constant(warmup),
            string other => throw new InvalidDataException(other),
            null => throw new InvalidDataException("null"),
        };
        bool evaluates = arguments.TryGetProperty("eval_steps", out JsonElement every);
        return new TrainingOptions
        {
            Optimizer = IsAdafactor(arguments) ? Optimizer.Adafactor(Number("learning_rate", 0), weightDecay: Number("weight_decay", 0)) : Optimizer.AdamW(
                Number("learning_rate", 0), Number("weight_decay", 0), Number("adam_beta1", 0.9), Number("adam_beta2", 0.999), Number("adam_epsilon", 1e-8)),
            Schedule = schedule with { ZeroFirstStep = true },
            Epochs = (int)Number("num_train_epochs", 1),
            BatchSize = (int)Number("per_device_train_batch_size", 1),
            Accumulation = (int)Number("gradient_accumulation_steps", 1),
            ClipNorm = Number("max_grad_norm", 1),
            Shuffle = false,
            GroupByLength = false,
            PadToMultipleOf = 1,
            EvaluateEvery = evaluates ? EvaluationInterval.Steps(every.GetInt64()) : EvaluationInterval.Epoch,
            EarlyStopping = evaluates ? new EarlyStopping(2) : null,
            Metric = arguments.TryGetProperty("metric_for_best_model", out JsonElement metric) ? metric.GetString() : null,
        };
    }

    private static bool IsAdafactor(JsonElement arguments) => arguments.TryGetProperty("optim", out JsonElement optimizer) && optimizer.GetString() == "adafactor";

    private static List<IdsWithTargets> ReadTargets(string path)
    {
        using JsonDocument rows = JsonDocument.Parse(File.ReadAllBytes(path));
        int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
        return [.. rows.RootElement.EnumerateArray().Select(row => new IdsWithTargets(Ids(row, "input_ids"), Ids(row, "labels")))];
    }

    private static List<IdsWithLabel> Read(string path)
    {
        using JsonDocument rows = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. rows.RootElement.EnumerateArray().Select(row => new IdsWithLabel(
            [.. row.GetProperty("input_ids").EnumerateArray().Select(id => id.GetInt32())], row.GetProperty("labels").GetInt32()))];
    }

    /// <summary>What the reference froze: tensors that are the same to the bit after the run.</summary>
    private static List<string> Unchanged(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var start = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using var final = SafetensorsFile.Open(Path.Combine(folder, "final.safetensors"));
        return [.. final.Tensors.Keys.Where(name => start.Tensors.ContainsKey(name) && start.Read(name).equal(final.Read(name)).all().item<bool>())];
    }

    private static void CompareWeights(string folder, WeightSet weights, List<string> differences, double tolerance)
    {
        using var scope = torch.NewDisposeScope();
        using var final = SafetensorsFile.Open(Path.Combine(folder, "final.safetensors"));
        foreach (Weight weight in weights)
        {
            foreach (WeightPart part in weight.Parts)
            {
                double difference = (part.Layout.ToFile(weight.Value.detach().narrow(0, part.Start, part.Length)) - final.Read(part.CheckpointName)).abs().max().item<float>();
                if (!(difference <= tolerance)) differences.Add($"{part.CheckpointName} differs by {difference}");
            }
        }
    }

    private static void Near(List<string> differences, string name, double expected, double actual, double tolerance)
    {
        if (!(Math.Abs(expected - actual) <= tolerance * Math.Max(1e-8, Math.Abs(expected)))) differences.Add($"{name}: {actual} instead of {expected}");
    }
}
