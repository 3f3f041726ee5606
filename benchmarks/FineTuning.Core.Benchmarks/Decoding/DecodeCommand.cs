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
        }
        finally
        {
            foreach (IDecoder decoder in decoders) decoder.Dispose();
            Directory.Delete(folder, true);
        }
    }

    private static void Measure(OutputHead head, List<IDecoder> decoders, (int Rounds, int Count, int Prompt, int Threads) sizes)
    {
        int[] prompt = [.. Enumerable.Range(0, 16).Select(i => 3 + (i * 977 % (head.Outputs - 3)))];
        double numbers = head.Weights.Where(weight => weight.Kind != WeightKind.Embedding).Sum(weight => (double)weight.Value.numel());
        var rates = decoders.ToDictionary(decoder => decoder, _ => new List<double>());
        var bounds = new List<double>();
        var texts = new Dictionary<IDecoder, int[]>();
        var allocated = new Dictionary<IDecoder, double>();
        using var bound = new ReadBound();
        for (int round = 0; round <= sizes.Rounds; round++)
        {
            double read = Math.Max(bound.Measure(sizes.Threads), bound.Measure(1));
            if (round > 0) bounds.Add(read);
            foreach (IDecoder decoder in round % 2 == 0 ? decoders : Enumerable.Reverse(decoders))
            {
                var text = new int[sizes.Count];
                int token = decoder.Next(decoder.Read(prompt));
                long memory = GC.GetAllocatedBytesForCurrentThread(), started = Stopwatch.GetTimestamp();
                for (int i = 0; i < text.Length; i++) text[i] = token = decoder.Next(token);
                double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
                allocated[decoder] = (GC.GetAllocatedBytesForCurrentThread() - memory) / (double)text.Length;
                texts[decoder] = text;
                if (round > 0) rates[decoder].Add(text.Length / seconds);
            }
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{numbers / 1e6:0.0} million numbers read a token, {sizes.Threads} threads, memory is read at {bounds.Min() / 1e9:0.0} to {bounds.Max() / 1e9:0.0} GB/s"));
        foreach (IDecoder decoder in decoders)
        {
            double bytes = numbers * (decoder.Name.EndsWith(nameof(Precision.BFloat16), StringComparison.Ordinal) ? 2 : 4);
            IDecoder? other = decoders.FirstOrDefault(one => one != decoder && one.Name.Split(", ")[1] == decoder.Name.Split(", ")[1]);
            double[] shares = [.. rates[decoder].Zip(bounds, (rate, read) => rate * bytes / read)];
            string beside = other is null ? "" : string.Create(CultureInfo.InvariantCulture,
                $"   against {other.Name}: {Median(rates[decoder].Zip(rates[other], (own, theirs) => own / theirs)):0.00}, same first tokens {texts[decoder].Zip(texts[other]).TakeWhile(pair => pair.First == pair.Second).Count()} of {sizes.Count}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{decoder.Name,-20} {Median(rates[decoder]):0.0} tokens/s (best {rates[decoder].Max():0.0})   of the bound {Median(shares):0.00} (best {shares.Max():0.00})   {allocated[decoder] / 1024:0.0} KB managed a token{beside}"));
        }
    }

    private static void Prefill(OutputHead head, List<IDecoder> decoders, (int Rounds, int Prompt) sizes)
    {
        int[] prompt = [.. Enumerable.Range(0, sizes.Prompt).Select(i => 3 + (i * 977 % (head.Outputs - 3)))];
        var times = decoders.ToDictionary(decoder => decoder, _ => new List<double>());
        var floors = new Dictionary<string, List<double>> { [nameof(Precision.Float32)] = [], [nameof(Precision.BFloat16)] = [] };
        for (int round = 0; round <= sizes.Rounds; round++)
        {
            foreach (Precision precision in Enum.GetValues<Precision>())
            {
                double floor = Floor(head, sizes.Prompt, precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
                if (round > 0) floors[precision.ToString()].Add(floor);
            }
            foreach (IDecoder decoder in decoders)
            {
                long started = Stopwatch.GetTimestamp();
                decoder.Read(prompt);
                if (round > 0) times[decoder].Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            }
        }
        foreach (IDecoder decoder in decoders)
        {
            List<double> floor = floors[decoder.Name.Split(", ")[1]];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{decoder.Name,-20} reads {sizes.Prompt} tokens in {Median(times[decoder]) * 1000:0} ms (best {times[decoder].Min() * 1000:0}); the multiplications alone take {Median(floor) * 1000:0} (best {floor.Min() * 1000:0}): {Median(floor.Zip(times[decoder], (alone, all) => alone / all)):0.00} of the floor (best by best {floor.Min() / times[decoder].Min():0.00})"));
        }
    }

    // Each product of a pass, once and alone, with torch.mm.
    private static double Floor(OutputHead head, int tokens, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        double seconds = 0;
        foreach (Weight weight in head.Weights.Where(weight => weight.Kind == WeightKind.Matrix))
        {
            using var inner = NewDisposeScope();
            Tensor matrix = weight.Value.to(type).t();
            bool isOutput = matrix.shape[1] == head.Outputs;
            Tensor rows = randn([isOutput ? 1 : tokens, matrix.shape[0]], type);
            long started = Stopwatch.GetTimestamp();
            rows.mm(matrix);
            seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
        return seconds;
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
