using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Training steps of a BERT of base size (random weights, 110 million numbers) on rows of 128 tokens: all weights, a frozen trunk without an adapter, adapters on a
/// trunk kept in float32, bfloat16, 8 and 4 bits. Each side is a process of its own, in turns; the median of each counts.
/// </summary>
internal static class AdapterSteps
{
    private const int RowTokens = 128, Warmup = 2;
    private const double Megabyte = 1048576;

    private static readonly Dictionary<string, ModelLoadOptions> Sides = new()
    {
        ["full"] = new(), ["frozen"] = new(), ["lora"] = new(),
        ["lora-bfloat16"] = new() { FrozenPrecision = Precision.BFloat16 },
        ["lora-int8"] = new() { Quantization = new(QuantizationKind.Int8) },
        ["lora-nf4"] = new() { Quantization = new(QuantizationKind.NormalFloat4) },
    };

    public static void Run(Arguments arguments)
    {
        if (arguments.Text("side", "") is { Length: > 0 } side)
        {
            Console.WriteLine(JsonSerializer.Serialize(One(side, arguments.Text("folder", ""), arguments.Text("part", "") == "estimate", arguments)));
            return;
        }
        string folder = Directory.CreateTempSubdirectory("base-size").FullName;
        try
        {
            Make(folder);
            string[] sides = arguments.Text("sides", string.Join(',', Sides.Keys)).Split(',');
            var all = sides.ToDictionary(name => name, _ => new List<Step>());
            int rounds = arguments.Number("rounds", 3);
            for (int round = 0; round < rounds; round++)
            {
                foreach (string name in round % 2 == 0 ? sides : sides.Reverse()) all[name].Add(InOwnProcess(name, folder, "measure", arguments));
            }
            var estimated = arguments.Text("estimate", "true") == "true"
                ? sides.ToDictionary(name => name, name => InOwnProcess(name, folder, "estimate", arguments).Peak) : [];
            Console.WriteLine($"{arguments.Text("tokens", "1024")} tokens a step; beside: full where it is measured, for the quantised lora-bfloat16");
            Console.WriteLine("side            s/step   x full   x bfloat16   model MB   loading MB   above MB   x full   peak MB   estimated/peak");
            double Of(string name, Func<Step, double> part) =>
                all.TryGetValue(name, out List<Step>? found) ? found.Select(part).Order().ElementAt(found.Count / 2) : double.NaN;
            foreach (string name in sides)
            {
                double seconds = Of(name, step => step.Seconds), above = Of(name, step => step.Peak - step.Model), peak = Of(name, step => step.Peak);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-14} {seconds,7:0.000} {seconds / Of("full", step => step.Seconds),8:0.00} {seconds / Of("lora-bfloat16", step => step.Seconds),12:0.00} ")
                    + string.Create(CultureInfo.InvariantCulture, $"{Of(name, step => step.Model) / Megabyte,10:0} {Of(name, step => step.Loading) / Megabyte,12:0} {above / Megabyte,10:0} {above / Of("full", step => step.Peak - step.Model),8:0.00} ")
                    + string.Create(CultureInfo.InvariantCulture, $"{peak / Megabyte,9:0} {estimated.GetValueOrDefault(name, double.NaN) / peak,16:0.00}"));
            }
            Console.WriteLine("wanted: lora x full 0.8 at most at 2,048 tokens, its memory above the model 0.45 at 1,024; int8 and nf4 x bfloat16 1.6");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Make(string folder)
    {
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json" })
        {
            if (File.Exists(Path.Combine(Shared.Model, name))) File.Copy(Path.Combine(Shared.Model, name), Path.Combine(folder, name));
        }
        const string config = """
            {"model_type":"bert","architectures":["BertForMaskedLM"],"vocab_size":30522,"hidden_size":768,"num_hidden_layers":12,"num_attention_heads":12,
             "intermediate_size":3072,"max_position_embeddings":512,"type_vocab_size":2,"pad_token_id":0}
            """;
        using OutputHead head = OutputHead.Create(config, HeadKind.MaskedLanguage, 0, new ModelLoadOptions { Seed = 1 });
        head.Save(folder);
    }

    private static Step InOwnProcess(string side, string folder, string part, Arguments arguments) => JsonSerializer.Deserialize<Step>(OwnProcess.Lines(
        "adapters", "--what", "steps", "--side", side, "--folder", folder, "--part", part,
        "--tokens", arguments.Text("tokens", "1024"), "--steps", arguments.Text("steps", "8"))[^1])!;

    private static Step One(string side, string folder, bool estimates, Arguments arguments)
    {
        FineTuningRuntime.Load();
        int steps = arguments.Number("steps", 8), batch = arguments.Number("tokens", 1024) / RowTokens;
        // As many words as fill every row.
        string[] words = [.. RealCommand.Data("sst2").Train.SelectMany(row => row.Text.Split(' ')).Take((Warmup + steps) * batch * RowTokens)];
        LabeledText<string>[] rows = [.. words.Chunk(RowTokens).Select((part, i) => new LabeledText<string>(string.Join(' ', part), $"{i % 2}"))];
        using Trunk trunk = Pretrained.Trunk(folder, Sides[side]);
        using TextClassifier<string> classifier = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = RowTokens, FreshHead = true });
        ProcessMemory.Trim();
        double model = ProcessMemory.Current, loading;
        using (Process own = Process.GetCurrentProcess()) loading = own.PeakWorkingSet64;
        double started = 0, ended = 0;
        FineTuner<LabeledText<string>> tuner = FineTuner.For(classifier).BatchSize(batch).Steps(Warmup + steps)
            .With(options => options with { FrozenStates = null, KeepBest = false })
            .OnProgress(progress =>
            {
                if (progress.Phase != TrainingPhase.Training) return;
                ended = progress.Elapsed.TotalSeconds;
                if (progress.Step == Warmup) started = ended;
            });
        if (side == "frozen") tuner = tuner.Freeze(weights => weights.Trunk());
        if (side.StartsWith("lora", StringComparison.Ordinal)) tuner = tuner.WithAdapter(Adapter.Lora(16, 32).On(l => l.AllLinear()));
        if (estimates) return new(0, model, loading, tuner.Estimate(rows).Peak);
        TrainingResult result = tuner.Train(rows);
        return new((ended - started) / steps, model, loading, result.PeakMemory);
    }

    /// <param name="Seconds">A step.</param>
    /// <param name="Model">Bytes of the process with the model, before training.</param>
    /// <param name="Loading">The highest while the model was opened.</param>
    /// <param name="Peak">The highest of the run, bytes: measured, or estimated before it.</param>
    private sealed record Step(double Seconds, double Model, double Loading, double Peak);
}
