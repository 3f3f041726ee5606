using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Whole training steps on real sentences: ours against the idiomatic TorchSharp loop, padded to 128 and to the longest of the batch. Each side runs in a
/// process of its own, so that peak memory is its own; the floor is measured beside each.
/// </summary>
internal static class CompareCommand
{
    private const int Labels = 2;

    public static void Run(Arguments arguments)
    {
        string side = arguments.Text("side", "");
        if (side.Length > 0)
        {
            Console.WriteLine(JsonSerializer.Serialize(Measure(side, arguments)));
            return;
        }
        FineTuningRuntime.Load();
        Console.WriteLine(FineTuningRuntime.Diagnose());
        Measurement[] all = [.. new[] { "padded", "dynamic", "ours", "ours-bfloat16", "ours-head" }.Select(name => InOwnProcess(name, arguments))];
        JsonElement config = Config(arguments);
        Measurement ours = all[2];
        int tokens = (int)(ours.RealTokens / ours.Steps);
        double Floor(bool forwardOnly) => MatrixFloor.Seconds(tokens, Number(config, "num_hidden_layers"), Number(config, "hidden_size"), Number(config, "intermediate_size"), forwardOnly);
        double floor = Floor(false), frozenFloor = Floor(true);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"floor of the trunk's matrix products for {tokens} real tokens: {floor * 1000:0} ms, {frozenFloor * 1000:0} ms where it is frozen (ours-head)"));
        Console.WriteLine("                  ms/step   real tokens/s   padding   x padded   x dynamic   step/floor   peak MB");
        foreach (Measurement one in all)
        {
            double perToken = (one.Name == "ours-head" ? frozenFloor : floor) / tokens * one.RealTokens / one.Steps;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{one.Name,-16} {one.SecondsPerStep * 1000,8:0} {one.TokensPerSecond,15:0} {1 - (one.RealTokens / (double)one.ComputedTokens),9:P1} {one.TokensPerSecond / all[0].TokensPerSecond,10:0.00} {one.TokensPerSecond / all[1].TokensPerSecond,11:0.00} {one.SecondsPerStep / perToken,12:0.00} {one.PeakMemory / 1048576.0,9:0}"));
        }
    }

    private static Measurement InOwnProcess(string side, Arguments arguments) => JsonSerializer.Deserialize<Measurement>(OwnProcess.Lines(
        "compare", "--side", side, "--steps", arguments.Text("steps", "40"), "--batch", arguments.Text("batch", "32"),
        "--model", ModelFolder(arguments), "--train", TrainFile(arguments))[^1])!;

    private static Measurement Measure(string side, Arguments arguments)
    {
        FineTuningRuntime.Load();
        int batch = arguments.Number("batch", 32), steps = arguments.Number("steps", 40);
        const int warmup = 5;
        var sentences = File.ReadLines(TrainFile(arguments)).Select(line => line.Split('\t')).Where(parts => parts.Length == 2 && parts[1].Length == 1)
            .Select(parts => new LabeledText<bool>(parts[0], parts[1] == "1")).ToList();
        Shuffle(sentences);
        return side.StartsWith("ours", StringComparison.Ordinal)
            ? Ours(side, ModelFolder(arguments), sentences.Take((warmup + steps) * batch).ToList(), batch, warmup, steps)
            : Baseline(side, arguments, sentences, batch, warmup, steps);
    }

    private static Measurement Ours(string name, string folder, List<LabeledText<bool>> sentences, int batch, int warmup, int steps)
    {
        using TextClassifier<bool> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<bool> { MaximumLength = 128 });
        double started = 0, ended = 0;
        long before = 0, after = 0;
        TrainingResult result = FineTuner.For(model).BatchSize(batch).Steps(warmup + steps)
            .With(options => name == "ours-head" ? options with { Frozen = options.Frozen.Trunk() } : options)
            .WithPrecision(name.EndsWith("bfloat16", StringComparison.Ordinal) ? Precision.BFloat16 : Precision.Float32)
            .OnProgress(progress =>
            {
                if (progress.Phase != TrainingPhase.Training) return;
                (ended, after) = (progress.Elapsed.TotalSeconds, progress.Tokens);
                if (progress.Step == warmup) (started, before) = (ended, after);
            }).Train(sentences);
        long real = after - before;
        return new(name, real, (long)(real / (1 - result.PaddingShare)), ended - started, steps, Process.GetCurrentProcess().PeakWorkingSet64);
    }

    private static Measurement Baseline(string name, Arguments arguments, List<LabeledText<bool>> sentences, int batch, int warmup, int steps)
    {
        JsonElement config = Config(arguments);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(ModelFolder(arguments));
        var options = new TokenizingOptions { MaximumLength = 128, Truncation = TruncationStrategy.LongestFirst };
        List<(int[], int)> rows = [.. sentences.Select(row => (tokenizer.Encode(row.Text, null, options).Ids, row.Label ? 1 : 0))];
        using var model = new IdiomaticBert(
            ModelFolder(arguments), Number(config, "num_hidden_layers"), Number(config, "hidden_size"), Number(config, "num_attention_heads"), Number(config, "intermediate_size"),
            Number(config, "vocab_size"), Number(config, "max_position_embeddings"), Labels, 0.1);
        return IdiomaticLoop.Run(name, model, rows, batch, name == "padded" ? 128 : null, warmup, steps);
    }

    private static void Shuffle(List<LabeledText<bool>> rows)
    {
        var random = new Random(1);
        for (int i = rows.Count - 1; i > 0; i--)
        {
            int j = random.Next(i + 1);
            (rows[i], rows[j]) = (rows[j], rows[i]);
        }
    }

    private static JsonElement Config(Arguments arguments) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(ModelFolder(arguments), "config.json"))).RootElement;

    private static int Number(JsonElement config, string name) => config.GetProperty(name).GetInt32();

    /// <summary>--model: a folder, or the name of a shared model.</summary>
    private static string ModelFolder(Arguments arguments)
    {
        string model = arguments.Text("model", Shared.Model);
        return Directory.Exists(model) ? model : Path.Combine(Shared.Root, "models", model);
    }

    /// <summary>The file of sentences: --train FILE, or train.tsv in --data, a folder or the name of a shared data set.</summary>
    private static string TrainFile(Arguments arguments)
    {
        string data = arguments.Text("data", "sst2");
        return arguments.Text("train", Directory.Exists(data) ? Path.Combine(data, "train.tsv") : Shared.Data(data, "train.tsv"));
    }
}
