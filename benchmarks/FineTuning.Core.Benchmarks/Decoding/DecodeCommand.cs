using System.Diagnostics;
using System.Globalization;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Decoding;

/// <summary>
/// Tokens a second at batch 1 of a LLaMA of random weights, here and in llama.cpp, in float32 and bfloat16, beside what the machine's memory allows: every
/// matrix is read once a token. In turns in one process; ratios are taken within a round.
/// </summary>
internal static class DecodeCommand
{
    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        if (arguments.Number("threads", 0) is > 0 and int threads) FineTuningRuntime.Threads = threads;
        threads = FineTuningRuntime.Threads;
        int layers = arguments.Number("layers", 12), width = arguments.Number("width", 768), inner = arguments.Number("inner", 2048), words = arguments.Number("words", 32000);
        int rounds = arguments.Number("rounds", 5), count = arguments.Number("tokens", 48), prompt = arguments.Number("prompt", 512);
        string config = $$"""
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": {{width}}, "num_hidden_layers": {{layers}}, "num_attention_heads": {{width / 64}},
             "num_key_value_heads": {{width / 64}}, "intermediate_size": {{inner}}, "vocab_size": {{words}}, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
             "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false, "initializer_range": 0.06, "bos_token_id": 1, "eos_token_id": 2}
            """;
        using OutputHead head = OutputHead.Create(config, HeadKind.CausalLanguage, options: new ModelLoadOptions { Seed = 1 });
        string folder = Directory.CreateTempSubdirectory("finetuning-decode").FullName;
        var decoders = new List<IDecoder>();
        try
        {
            bool beside = arguments.Text("beside", "true") == "true";
            foreach (Precision precision in new[] { Precision.Float32, Precision.BFloat16 })
            {
                decoders.Add(new OwnDecoder(head, precision));
                if (!beside) continue;
                string path = Path.Combine(folder, precision + ".gguf");
                new GgufWriter(head, precision).Write(path);
                decoders.Add(new LlamaCppDecoder(path, precision, threads, prompt + count + 16));
            }
            Measure(head, decoders, (rounds, count, prompt, threads));
            Prefill(head, decoders, (rounds, prompt));
            Console.WriteLine("wanted: 0.60 of the bound in float32 and bfloat16, x 0.6 of llama.cpp in float32 (the goal is 1.0), a prompt at 0.80 of the multiplications, 64 KB managed a token");
        }
        finally
        {
            foreach (IDecoder decoder in decoders) decoder.Dispose();
            Directory.Delete(folder, true);
        }
    }

    private static void Measure(OutputHead head, List<IDecoder> decoders, (int Rounds, int Count, int Prompt, int Threads) sizes)
    {
        int[] prompt = Prompt(head, 16);
        double numbers = head.Weights.Where(weight => weight.Kind != WeightKind.Embedding).Sum(weight => (double)weight.Value.numel());
        var runs = decoders.ToDictionary(decoder => decoder, _ => new List<DecodeRun>());
        using var bound = new ReadBound();
        for (int round = 0; round <= sizes.Rounds; round++)
        {
            foreach (IDecoder decoder in round % 2 == 0 ? decoders : Enumerable.Reverse(decoders))
            {
                (double clock, double processor) = bound.Measure(sizes.Threads);
                // With more threads than the machine has to give, one may read faster.
                if (sizes.Threads > 1) clock = Math.Max(clock, bound.Measure(1).Clock);
                DecodeRun run = DecodeRun.Of(decoder, prompt, sizes.Count) with { ReadByClock = clock, ReadByProcessor = processor };
                if (round > 0) runs[decoder].Add(run);
            }
        }
        IEnumerable<DecodeRun> all = runs.Values.SelectMany(list => list);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{numbers / 1e6:0.0} million numbers read a token, {sizes.Threads} threads; memory is read at {all.Min(run => run.ReadByClock) / 1e9:0.0} to {all.Max(run => run.ReadByClock) / 1e9:0.0} GB/s"));
        foreach (IDecoder decoder in decoders)
        {
            double bytes = numbers * (decoder.Name.EndsWith(nameof(Precision.BFloat16), StringComparison.Ordinal) ? 2 : 4);
            List<DecodeRun> own = runs[decoder];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{decoder.Name,-20} {Median(own.Select(run => run.ByClock)):0.0} tokens/s (best {own.Max(run => run.ByClock):0.0}), of the bound {Median(own.Select(run => run.ByClock * bytes / run.ReadByClock)):0.00}; by processor {Median(own.Select(run => run.ByProcessor)):0.0} (best {own.Max(run => run.ByProcessor):0.0}), of the bound {Median(own.Select(run => run.ByProcessor * bytes / run.ReadByProcessor)):0.00}; {own[^1].Allocated / 1024.0:0.0} KB managed a token"));
        }
        foreach (IDecoder decoder in decoders.OfType<OwnDecoder>())
        {
            if (decoders.FirstOrDefault(one => one is LlamaCppDecoder && one.Name.Split(", ")[1] == decoder.Name.Split(", ")[1]) is not { } other) continue;
            DecodeRun[] own = [.. runs[decoder]], theirs = [.. runs[other]];
            decoder.Read(prompt);
            other.Read(prompt);
            float apart = 0, largest = 0;
            for (int i = 0; i < head.Outputs; i++)
            {
                apart = Math.Max(apart, Math.Abs(decoder.Scores[i] - other.Scores[i]));
                largest = Math.Max(largest, Math.Abs(other.Scores[i]));
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{decoder.Name} beside {other.Name}: x {Median(own.Zip(theirs, (one, two) => one.ByClock / two.ByClock)):0.00} by the clock, x {Median(own.Zip(theirs, (one, two) => one.ByProcessor / two.ByProcessor)):0.00} by processor; same first tokens {own[0].Text.Zip(theirs[0].Text).TakeWhile(pair => pair.First == pair.Second).Count()} of {sizes.Count}, scores {apart:0.0000} apart of {largest:0.00}"));
        }
    }

    private static int[] Prompt(OutputHead head, int tokens) => [.. Enumerable.Range(0, tokens).Select(i => 3 + (i * 977 % (head.Outputs - 3)))];

    private static void Prefill(OutputHead head, List<IDecoder> decoders, (int Rounds, int Prompt) sizes)
    {
        int[] prompt = Prompt(head, sizes.Prompt);
        var times = decoders.ToDictionary(decoder => decoder, _ => new List<(double Clock, double Processor)>());
        var floors = new Dictionary<string, List<(double Clock, double Processor)>> { [nameof(Precision.Float32)] = [], [nameof(Precision.BFloat16)] = [] };
        for (int round = 0; round <= sizes.Rounds; round++)
        {
            foreach (Precision precision in Enum.GetValues<Precision>())
            {
                (double, double) floor = Floor(head, sizes.Prompt, precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
                if (round > 0) floors[precision.ToString()].Add(floor);
            }
            foreach (IDecoder decoder in decoders)
            {
                (double, double) time = Time(() => decoder.Read(prompt));
                if (round > 0) times[decoder].Add(time);
            }
        }
        foreach (IDecoder decoder in decoders)
        {
            List<(double Clock, double Processor)> floor = floors[decoder.Name.Split(", ")[1]], own = times[decoder];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{decoder.Name,-20} reads {sizes.Prompt} tokens in {Median(own.Select(time => time.Clock)) * 1000:0} ms, {Median(floor.Zip(own, (alone, all) => alone.Clock / all.Clock)):0.00} of the multiplications' speed; by processor {Median(own.Select(time => time.Processor)) * 1000:0} ms, {Median(floor.Zip(own, (alone, all) => alone.Processor / all.Processor)):0.00}"));
        }
    }

    private static (double Clock, double Processor) Time(Action work)
    {
        double used = Environment.CpuUsage.TotalTime.TotalSeconds;
        long started = Stopwatch.GetTimestamp();
        work();
        return (Stopwatch.GetElapsedTime(started).TotalSeconds, Environment.CpuUsage.TotalTime.TotalSeconds - used);
    }

    // Each product of a pass, once and alone, with torch.mm.
    private static (double Clock, double Processor) Floor(OutputHead head, int tokens, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        (double clock, double processor) = (0, 0);
        foreach (Weight weight in head.Weights.Where(weight => weight.Kind == WeightKind.Matrix))
        {
            using var inner = NewDisposeScope();
            Tensor matrix = weight.Value.to(type).t();
            bool isOutput = matrix.shape[1] == head.Outputs;
            Tensor rows = randn([isOutput ? 1 : tokens, matrix.shape[0]], type);
            (double Clock, double Processor) time = Time(() => rows.mm(matrix));
            (clock, processor) = (clock + time.Clock, processor + time.Processor);
        }
        return (clock, processor);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}

/// <summary>One run of a decoder: tokens a second, and how fast memory was read just before.</summary>
internal sealed record DecodeRun(double ByClock, double ByProcessor, long Allocated, int[] Text)
{
    public double ReadByClock { get; init; }

    public double ReadByProcessor { get; init; }

    public static DecodeRun Of(IDecoder decoder, int[] prompt, int count)
    {
        var text = new int[count];
        int token = decoder.Next(decoder.Read(prompt));
        double used = Environment.CpuUsage.TotalTime.TotalSeconds;
        long memory = GC.GetAllocatedBytesForCurrentThread(), started = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++) text[i] = token = decoder.Next(token);
        double clock = Stopwatch.GetElapsedTime(started).TotalSeconds, processor = Environment.CpuUsage.TotalTime.TotalSeconds - used;
        return new(count / clock, count / processor, (GC.GetAllocatedBytesForCurrentThread() - memory) / count, text);
    }
}
