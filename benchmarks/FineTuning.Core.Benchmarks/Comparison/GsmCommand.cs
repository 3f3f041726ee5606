using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// A small LLaMA from its configuration learns gsm8k packed and unpacked, with the same rows a step and no dropout: the losses of every step, which are equal up to
/// rounding. Packed rows are best fit; the texts of a step's rows are one padded batch on the other side.
/// </summary>
internal static class GsmCommand
{
    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        int steps = arguments.Number("steps", 40), rows = arguments.Number("batch", 4), count = arguments.Number("rows", 1000);
        string folder = Directory.CreateTempSubdirectory("gsm8k").FullName;
        try
        {
            PromptCompletion[] data = Data("train", count);
            SmallDecoder.Make(folder, data.SelectMany(row => new[] { row.Prompt.Text!, row.Completion.Text! }), "llama", (4000, 128, 4, 4, 512));
            double[] packed = Losses(folder, data, steps, rows, isPacked: true, out long tokens), apart = Losses(folder, data, steps, rows, isPacked: false, out _);
            double largest = packed.Zip(apart, (one, other) => Math.Abs(one - other)).Max();
            for (int i = 0; i < packed.Length; i += Math.Max(1, packed.Length / 8)) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {i + 1,4}   packed {packed[i]:0.000000}   unpacked {apart[i]:0.000000}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{packed.Length} steps, {tokens} tokens: the losses differ by at most {largest:0.0e0}; from {packed[0]:0.000} to {packed[^1]:0.000}; wanted: 1e-5 at most"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Questions with their answers.</summary>
    public static PromptCompletion[] Data(string part, int most)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Shared.Data("gsm8k", part + ".jsonl.gz")), CompressionMode.Decompress));
        var examples = new List<PromptCompletion>();
        while (examples.Count < most && reader.ReadLine() is { } line)
        {
            using JsonDocument record = JsonDocument.Parse(line);
            examples.Add(new(record.RootElement.GetProperty("question").GetString()! + "\n", record.RootElement.GetProperty("answer").GetString()!));
        }
        return [.. examples];
    }

    private static double[] Losses(string folder, PromptCompletion[] data, int steps, int batch, bool isPacked, out long tokens)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { Dropout = 0 });
        CausalRow[] texts = [.. data.Select(example => model.Encode(example, new EncodingReport())).OfType<CausalRow>()];
        int[][] plan = [.. Packing.Rows([.. texts.Select(text => text.Length)], model.MaximumLength, PackingStrategy.Whole).Select(parts => parts.Select(part => part.Text).ToArray())];
        var options = new TrainingOptions { Optimizer = Optimizer.AdamW(1e-3) };
        using OptimizerState state = options.Optimizer.CreateState();
        var gradients = new GradientStep(options, state);
        gradients.Regroup(model.Weights);
        var losses = new double[Math.Min(steps, plan.Length / batch)];
        tokens = 0;
        for (int step = 0; step < losses.Length; step++)
        {
            int[][] own = [.. plan.Skip(step * batch).Take(batch)];
            CausalRow[] rows = isPacked
                ? [.. own.Select(parts => CausalRow.Joined([.. parts.Select(text => texts[text])], separate: true))]
                : [.. own.SelectMany(parts => parts).Select(text => texts[text])];
            using var scope = NewDisposeScope();
            Batch collated = model.Collate(rows, rows.Max(row => row.Length));
            double sum = model.AddGradients(collated, ForwardContext.For(new DropoutStream(1, step, 0), Precision.Float32));
            BackwardFaults.ThrowKept();
            gradients.Apply(1e-3, collated.TargetCount, gradients.Norm(collated.TargetCount));
            gradients.Clear();
            losses[step] = sum / collated.TargetCount;
            tokens += collated.RealTokens;
        }
        return losses;
    }
}
