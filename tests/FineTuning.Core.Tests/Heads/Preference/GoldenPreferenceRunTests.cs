using System.Text.Json;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Tests.Training;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>Whole runs of the reference's trainers of preferences, rewards and instructions, from the text to the final weights, step by step.</summary>
public sealed class GoldenPreferenceRunTests
{
    // Of the adapter's run: lora_alpha is not in its arguments; the gradient's norm at the first step says that the scale is 2.
    private const string LoraConfig = """
        {"peft_type":"LORA","r":2,"lora_alpha":4,"lora_dropout":0.0,"bias":"none","target_modules":["q_proj","v_proj"],"task_type":"CAUSAL_LM"}
        """;

    public static TheoryData<string> Runs() => Goldens.Folder("preference", "runs") is not { } runs ? []
        : [.. Directory.GetDirectories(runs).Where(run => File.Exists(Path.Combine(run, "golden.json"))).Select(run => Path.GetFileName(run)).Order(StringComparer.Ordinal)];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Runs))]
    public void Equals_the_reference(string run)
    {
        using var files = new PreferenceBase();
        using var golden = new Golden(run);
        switch (golden.Trainer)
        {
            case "DPOTrainer" or "CPOTrainer" or "ORPOTrainer":
                Pairs(golden, files.Folder);
                break;
            case "KTOTrainer":
                Unpaired(golden, files.Folder);
                break;
            case "RewardTrainer":
                Reward(golden, files.Folder);
                break;
            default:
                Supervised(golden, files.Folder);
                break;
        }
    }

    private static void Pairs(Golden golden, string folder)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { MaximumLength = golden.Length, LostTargets = LostTargets.Skip });
        PreferenceLoss<PreferencePair> loss = golden.Trainer switch
        {
            "ORPOTrainer" => PreferenceLoss.Orpo(golden.Number("beta")),
            "CPOTrainer" when golden.Text("loss_type") == "simpo" => PreferenceLoss.SimPo(golden.Number("beta"), golden.Number("simpo_gamma"), likelihoodWeight: golden.Number("cpo_alpha")),
            "CPOTrainer" => PreferenceLoss.Cpo(golden.Number("beta"), likelihoodWeight: golden.Number("cpo_alpha")),
            _ => golden.Arguments.TryGetProperty("loss_type", out JsonElement types) && types.ValueKind == JsonValueKind.Array
                ? PreferenceLoss.Combined([.. types.EnumerateArray().Zip(golden.Arguments.GetProperty("loss_weights").EnumerateArray(),
                    (type, weight) => (Named(type.GetString()!, golden), weight.GetDouble()))])
                : Named(golden.Text("loss_type") ?? "sigmoid", golden),
        };
        string adapter = Path.Combine(folder, "adapter");
        if (golden.Starts.Count > 0)
        {
            Directory.CreateDirectory(adapter);
            File.WriteAllText(Path.Combine(adapter, "adapter_config.json"), LoraConfig);
            using (var scope = NewDisposeScope())
            {
                SafetensorsWriter.Write(Path.Combine(adapter, "adapter_model.safetensors"), [.. golden.Starts.Select(name => (name, golden.Tensors.Read("start." + name)))], null);
            }
            model.LoadAdapter(adapter);
        }
        PreferencePair[] rows = [.. PreferencePairs.From(golden.Rows)];
        golden.Train(model.With(loss), rows);
        if (golden.Starts.Count == 0)
        {
            golden.Compare(model.Weights, folder);
            return;
        }
        model.SaveAdapter(Path.Combine(folder, "tuned"));
        using var tuned = SafetensorsFile.Open(Path.Combine(folder, "tuned", "adapter_model.safetensors"));
        golden.Compare(name => tuned.Read(name), name => golden.Tensors.Read("start." + name));
        // The base is as it was: the reference is still what it was, also for pairs that were not there.
        MetricReport later = model.With(loss).Evaluate([rows[0] with { Chosen = "something else" }]);
        Assert.True(later["rewards_margin"] != 0);
    }

    private static PreferenceLoss<PreferencePair> Named(string name, Golden golden) => name switch
    {
        "sigmoid" => PreferenceLoss.Dpo(golden.Number("beta")),
        "ipo" => PreferenceLoss.Ipo(golden.Number("beta")),
        "bco_pair" => PreferenceLoss.Bco(golden.Number("beta")),
        "sft" => PreferenceLoss.Likelihood(),
        _ => throw new NotSupportedException(name),
    };

    private static void Unpaired(Golden golden, string folder)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { MaximumLength = golden.Length, LostTargets = LostTargets.Skip });
        var loss = (UnpairedLoss)PreferenceLoss.Kto(golden.Number("beta"), golden.Number("desirable_weight"), golden.Number("undesirable_weight"));
        var source = new PreferenceSource(model.Head, model.Tokenizer, new CausalRules(model.MaximumLength, LearnedTokens.Answers, LostTargets.Skip, PackingStrategy.None), false,
            model.Adapters);
        // The reference's trainer lets the rows of a batch meet each other; users' rows meet those of the whole data set.
        golden.Train(new UnpairedTuning(source, loss, null) { Block = (int)golden.Number("per_device_train_batch_size") }, [.. UnpairedPreferences.From(golden.Rows)]);
        golden.Compare(model.Weights, folder);
    }

    private static void Reward(Golden golden, string folder)
    {
        using RewardModel model = Pretrained.RewardModel(folder, new RewardModelOptions { MaximumLength = golden.Length, TooLong = LostTargets.Skip });
        using (no_grad())
        {
            model.Weights.Single(weight => weight.Parts.Any(part => part.CheckpointName == "score.weight")).Value.copy_(golden.Tensors.Read("start.score.weight"));
        }
        golden.Train(model, [.. PreferencePairs.From(golden.Rows)]);
        golden.Compare(model.Weights, folder);
    }

    private static void Supervised(Golden golden, string folder)
    {
        JsonRow[] rows = golden.Rows;
        bool chats = rows[0].Has("messages") || rows[0].Element.TryGetProperty("prompt", out JsonElement prompt) && prompt.ValueKind == JsonValueKind.Array;
        bool everything = (chats && rows[0].Has("messages") && !golden.Flag("assistant_only_loss"))
            || (golden.Arguments.TryGetProperty("completion_only_loss", out JsonElement only) && !only.GetBoolean());
        var options = new LanguageModelOptions
        {
            MaximumLength = golden.Length,
            LostTargets = LostTargets.Skip,
            Learned = everything ? LearnedTokens.Everything : LearnedTokens.Answers,
            LabelSmoothing = golden.Arguments.TryGetProperty("label_smoothing_factor", out JsonElement smoothing) ? smoothing.GetDouble() : 0,
            DynamicFineTuning = golden.Text("loss_type") == "dft",
            Packing = golden.Flag("padding_free") ? PackingStrategy.PaddingFree : !golden.Flag("packing") ? PackingStrategy.None : golden.Text("packing_strategy") switch
            {
                "bfd" => PackingStrategy.Whole,
                "bfd_split" => PackingStrategy.Split,
                "wrapped" => PackingStrategy.Wrapped,
                var other => throw new NotSupportedException(other),
            },
        };
        if (chats && rows[0].Has("messages"))
        {
            using ChatModel model = Pretrained.ChatModel(folder, options);
            golden.Train(model, [.. Conversations.From(rows)]);
            golden.Compare(model.Weights, folder);
        }
        else if (chats)
        {
            // The reference learns the line end behind the last answer's end token, which nobody writes: here its own targets are learned.
            using var model = new RowsWriter(OutputHead.Load(folder, HeadKind.CausalLanguage), 0);
            golden.Train(model, golden.PreparedRows());
            golden.Compare(model.Weights, folder);
        }
        else
        {
            using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, options);
            golden.Train(model, [.. rows[0].Has("text") ? rows.Select(row => PromptCompletion.OfText(row["text"])) : PromptCompletions.From(rows)]);
            golden.Compare(model.Weights, folder);
        }
    }

    /// <summary>One run of the reference.</summary>
    private sealed class Golden : IDisposable
    {
        private readonly JsonDocument _json;
        private readonly List<string> _differences = [];

        public Golden(string run)
        {
            Folder = Goldens.Require("preference", "runs", run);
            _json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "golden.json")));
            Tensors = SafetensorsFile.Open(Path.Combine(Folder, "golden.safetensors"));
        }

        public string Folder { get; }

        public string Trainer => _json.RootElement.GetProperty("trainer").GetString()!;

        public JsonElement Arguments => _json.RootElement.GetProperty("arguments");

        public SafetensorsFile Tensors { get; }

        public JsonRow[] Rows => [.. JsonFile.Read(Path.Combine(Folder, "rows.json"))];

        /// <summary>Adapter tensors with which the run began.</summary>
        public IReadOnlyList<string> Starts =>
            [.. Tensors.Tensors.Keys.Where(name => name.StartsWith("start.base_model", StringComparison.Ordinal)).Select(name => name["start.".Length..])];

        public int? Length => Arguments.TryGetProperty("max_length", out JsonElement length) && length.ValueKind == JsonValueKind.Number ? length.GetInt32() : null;

        public double Number(string name) => Arguments.GetProperty(name).GetDouble();

        public string? Text(string name) => Arguments.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

        public bool Flag(string name) => Arguments.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

        public IdsWithTargets[] PreparedRows()
        {
            int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
            return [.. _json.RootElement.GetProperty("dataset_after_preparation").EnumerateArray().Select(row => new IdsWithTargets(Ids(row, "input_ids"), Ids(row, "labels")))];
        }

        public void Train<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> rows)
        {
            var measured = new MeasuredSteps();
            var options = new TrainingOptions
            {
                Optimizer = Optimizer.AdamW(Number("learning_rate"), Number("weight_decay"), 0.9, 0.999, 1e-8),
                Schedule = Schedule.Constant(),
                Steps = (long)Number("max_steps"),
                BatchSize = (int)Number("per_device_train_batch_size"),
                Accumulation = Arguments.TryGetProperty("gradient_accumulation_steps", out JsonElement accumulation) ? accumulation.GetInt32() : 1,
                ClipNorm = Number("max_grad_norm"),
                Shuffle = false,
                GroupByLength = false,
                PadToMultipleOf = 1,
                Features = [measured],
            };
            TrainingResult result = FineTuner.For(model).With(_ => options).Train(rows);
            JsonElement[] steps = [.. _json.RootElement.GetProperty("steps").EnumerateArray()];
            Assert.Equal(steps.Length, result.History.Count);
            double rounding = 10 * _json.RootElement.GetProperty("float64_loss_deviation").GetDouble();
            for (int i = 0; i < steps.Length; i++)
            {
                double loss = steps[i].GetProperty("loss").GetDouble(), norm = steps[i].GetProperty("grad_norm").GetDouble();
                Near($"step {i + 1} loss", loss, result.History[i].Loss, Math.Max(rounding, 1e-5 * Math.Abs(loss)));
                Near($"step {i + 1} gradient norm", norm, result.History[i].GradientNorm, 1e-4 * norm);
                Near($"step {i + 1} rate", steps[i].GetProperty("learning_rate").GetDouble(), result.History[i].LearningRate, 1e-9);
                if (options.Accumulation == 1) Metrics(steps[i], measured.Reports[i], i + 1);
            }
        }

        // The reward trainer's names have no path; a step without a kind of completion lacks its metrics.
        private void Metrics(JsonElement step, MetricReport own, int number)
        {
            foreach ((string theirs, string ours) in new[]
            {
                ("rewards/chosen", "rewards_chosen"), ("rewards/rejected", "rewards_rejected"), ("rewards/margins", "rewards_margin"), ("rewards/accuracies", "rewards_accuracy"),
                ("accuracy", "rewards_accuracy"), ("margin", "rewards_margin"), ("kl", "kl"),
            })
            {
                if (!step.TryGetProperty(theirs, out JsonElement value)) continue;
                // Ties are counted by rounding alone: at the first step model and reference are one.
                if (theirs == "rewards/accuracies" && number == 1 && step.TryGetProperty("rewards/margins", out JsonElement margin) && margin.GetDouble() == 0) continue;
                Near($"step {number} {theirs}", value.GetDouble(), own[ours], 2e-5 + (1e-5 * Math.Abs(value.GetDouble())));
            }
        }

        public void Compare(WeightSet weights, string folder)
        {
            using var start = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
            var parts = weights.SelectMany(weight => weight.Parts.Select(part => (part.CheckpointName, Value: (Func<Tensor>)(() => part.Of(weight.Value.detach()))))).ToDictionary(part => part.CheckpointName, part => part.Value);
            Compare(name => parts[name](), name => start.Tensors.ContainsKey(name) ? start.Read(name).to(ScalarType.Float32) : Tensors.Read("start." + name));
        }

        public void Compare(Func<string, Tensor> value, Func<string, Tensor> start)
        {
            using var scope = NewDisposeScope();
            double tolerance = Math.Max(1e-4, 10 * _json.RootElement.GetProperty("float64_final_deviation").GetDouble());
            foreach (JsonProperty weight in _json.RootElement.GetProperty("final").EnumerateObject())
            {
                Tensor own = value(weight.Name).to(ScalarType.Float64), change = own - start(weight.Name).to(ScalarType.Float64);
                double norm = weight.Value.GetProperty("norm").GetDouble(), moved = weight.Value.GetProperty("change_norm").GetDouble();
                Near($"{weight.Name} norm", norm, own.norm().item<double>(), 1e-5 * norm);
                // A step's size does not depend on the gradient's: where that is nearly nothing its sign is rounding.
                Near($"{weight.Name} change", moved, change.norm().item<double>(), 2e-3 * moved);
                if (!Tensors.Tensors.ContainsKey("final." + weight.Name)) continue;
                double difference = (own - Tensors.Read("final." + weight.Name).to(ScalarType.Float64)).abs().max().item<double>();
                if (!(difference <= tolerance)) _differences.Add($"{weight.Name} differs by {difference}");
            }
            Assert.True(_differences.Count == 0, string.Join(Environment.NewLine, _differences.Take(12)));
        }

        public void Dispose()
        {
            Tensors.Dispose();
            _json.Dispose();
        }

        private void Near(string name, double expected, double own, double tolerance)
        {
            if (!(Math.Abs(expected - own) <= tolerance)) _differences.Add($"{name}: {own:g9} instead of {expected:g9}");
        }
    }
}
