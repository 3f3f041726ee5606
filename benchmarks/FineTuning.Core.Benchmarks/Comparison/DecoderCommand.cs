using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Training steps of a small GPT-2 on conversations: the idiomatic TorchSharp loop, padded and dynamic, ours by length groups, packed and without padding. Each side runs in a
/// process of its own, in turns (--rounds), the best of each counts.
/// </summary>
internal static class DecoderCommand
{
    private const int Warmup = 3;
    private static readonly (int Vocabulary, int Width, int Layers, int Heads, int Positions) Size = (16000, 256, 4, 4, 512);

    public static void Run(Arguments arguments)
    {
        string folder = arguments.Text("folder", "");
        if (folder.Length > 0)
        {
            Console.WriteLine(JsonSerializer.Serialize(Measure(arguments.Text("side", "ours"), folder, arguments)));
            return;
        }
        FineTuningRuntime.Load();
        folder = Directory.CreateTempSubdirectory("decoder").FullName;
        try
        {
            SmallDecoder.Make(folder, Data().SelectMany(row => new[] { row.Prompt.Text!, row.Completion.Text! }), "gpt2", Size);
            string[] sides = arguments.Text("sides", "padded,dynamic,groups,packed,padding-free,groups-bfloat16,groups-checkpointed").Split(',');
            var best = new Dictionary<string, Measurement>();
            for (int round = 0; round < arguments.Number("rounds", 2); round++)
            {
                foreach (string side in sides)
                {
                    Measurement one = InOwnProcess(side, folder, arguments);
                    if (!best.TryGetValue(side, out Measurement? other) || one.TokensPerSecond > other.TokensPerSecond) best[side] = one;
                }
            }
            Console.WriteLine("                       ms/step   real tokens/s   padding   x padded   x dynamic   x groups   peak MB");
            double Beside(Measurement one, string other) => best.TryGetValue(other, out Measurement? found) ? one.TokensPerSecond / found.TokensPerSecond : double.NaN;
            foreach (string side in sides)
            {
                Measurement one = best[side];
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{side,-21} {one.SecondsPerStep * 1000,8:0} {one.TokensPerSecond,15:0} {1 - (one.RealTokens / (double)one.ComputedTokens),9:P1} {Beside(one, "padded"),10:0.00} {Beside(one, "dynamic"),11:0.00} {Beside(one, "groups"),10:0.00} {one.PeakMemory / 1048576.0,9:0}"));
            }
            Console.WriteLine("wanted: groups x padded 2 or more; packing's gain is packed or padding-free x groups");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Conversations of one question and answer, as the demonstration set of the data folder has them.</summary>
    private static List<PromptCompletion> Data()
    {
        var examples = new List<PromptCompletion>();
        foreach (string line in File.ReadLines(Shared.Data("chat_and_preference", "v1_sft_demo.jsonl")))
        {
            using JsonDocument record = JsonDocument.Parse(line);
            string[] turns = [.. record.RootElement.GetProperty("messages").EnumerateArray().Select(turn => string.Concat(turn.GetProperty("content").EnumerateArray().Select(part => part.GetProperty("value").GetString())))];
            if (turns.Length >= 2 && turns[^1].Length > 0) examples.Add(new(string.Join("\n", turns[..^1]) + "\n", turns[^1]));
        }
        return examples;
    }

    private static Measurement InOwnProcess(string side, string folder, Arguments arguments) => JsonSerializer.Deserialize<Measurement>(OwnProcess.Lines(
        "decoder", "--side", side, "--folder", folder, "--steps", arguments.Text("steps", "15"), "--batch", arguments.Text("batch", "16"))[^1])!;

    private static Measurement Measure(string side, string folder, Arguments arguments)
    {
        FineTuningRuntime.Load();
        (int batch, int steps) = (arguments.Number("batch", 16), arguments.Number("steps", 15));
        PackingStrategy packing = side switch { "packed" => PackingStrategy.Whole, "padding-free" => PackingStrategy.PaddingFree, _ => PackingStrategy.None };
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { Packing = packing, MaximumLength = Size.Positions, LostTargets = LostTargets.Skip });
        List<PromptCompletion> examples = Data();
        var random = new Random(1);
        random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(examples));
        CausalRow[] rows = [.. examples.Select(example => model.Encode(example, new EncodingReport())).OfType<CausalRow>()];
        if (side is "padded" or "dynamic")
        {
            using var decoder = new IdiomaticDecoder(model.Tokenizer.VocabularySize, Size.Width, Size.Layers, Size.Heads, Size.Positions, 0.1);
            return decoder.Train(side, rows, batch, side == "padded" ? Size.Positions : null, Warmup, steps);
        }
        // As many real tokens a step as the others have.
        int size = packing == PackingStrategy.Whole ? Math.Max(1, (int)Math.Round(batch * rows.Average(row => row.Length) / Size.Positions)) : batch;
        FineTuner<PromptCompletion> tuner = FineTuner.For(model).BatchSize(size).Steps(Warmup + steps);
        if (side.EndsWith("bfloat16", StringComparison.Ordinal)) tuner = tuner.WithPrecision(Precision.BFloat16);
        if (side.EndsWith("checkpointed", StringComparison.Ordinal)) tuner = tuner.WithGradientCheckpointing();
        double started = 0, ended = 0;
        long before = 0, after = 0;
        TrainingResult result = tuner.OnProgress(progress =>
        {
            if (progress.Phase != TrainingPhase.Training) return;
            (ended, after) = (progress.Elapsed.TotalSeconds, progress.Tokens);
            if (progress.Step == Warmup) (started, before) = (ended, after);
        }).Train(examples);
        long real = after - before;
        return new(side, real, (long)(real / (1 - result.PaddingShare)), ended - started, steps, Process.GetCurrentProcess().PeakWorkingSet64);
    }
}
