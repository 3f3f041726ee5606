using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Tensors;

namespace FineTuning.Benchmarks.Serving;

/// <summary>Many callers with short texts: each asks the model alone, or all through micro-batching; beside the multiplications that the texts need.</summary>
internal static class ServeCommand
{
    public static void Run(Arguments arguments)
    {
        string folder = Path.GetFullPath(arguments.Text("model", "docs/samples/QuickStart/starter"));
        int callers = arguments.Number("callers", 32), each = arguments.Number("requests", 60), rounds = arguments.Number("rounds", 5), concurrency = arguments.Number("concurrency", 1);
        FineTuningRuntime.Load();
        FineTuningRuntime.Threads = arguments.Number("torch", Environment.ProcessorCount);
        string[] texts = ServedTexts.Make(callers * each, 4, 12);
        using TextClassifier<string> model = ServedTexts.Open(folder);
        long tokens = texts.Sum(text => (long)model.Tokenizer.EncodeIds(text).Length);
        JsonElement config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json"))).RootElement;
        int Number(string name) => config.GetProperty(name).GetInt32();
        using var served = new ServedModel<string, Classification<string>>("serve", new ServedModelOptions { Folder = folder, Concurrency = concurrency }, ServedTexts.Open);
        served.LoadAsync().GetAwaiter().GetResult();
        Func<string, Task> alone = text => Task.Run(() => model.Predict(text)), batched = text => served.PredictAsync(text);
        var shares = new List<double>();
        var tails = new List<double>();
        for (int round = 0; round <= rounds; round++)
        {
            // The products of a batch with a text of every caller, as often as there are such batches.
            int together = (int)(tokens * callers / texts.Length);
            double floor = each * MatrixFloor.Seconds(together, Number("num_hidden_layers"), Number("hidden_size"), Number("intermediate_size"), forwardOnly: true);
            long started = Stopwatch.GetTimestamp();
            model.PredictBatch(texts);
            double whole = Stopwatch.GetElapsedTime(started).TotalSeconds;
            (double plainSeconds, double[] plain) = Ask(alone, texts, callers);
            (double servedSeconds, double[] shared) = Ask(batched, texts, callers);
            // The first round warms up.
            if (round == 0) continue;
            shares.Add(floor / servedSeconds);
            tails.Add(At(shared, 0.99) / At(plain, 0.99));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"alone {texts.Length / plainSeconds,6:0}/s p50 {At(plain, 0.5),6:0.00} p99 {At(plain, 0.99),6:0.00} ms;  micro-batching {texts.Length / servedSeconds,6:0}/s p50 {At(shared, 0.5),6:0.00} p99 {At(shared, 0.99),6:0.00} ms;  ")
                + string.Create(CultureInfo.InvariantCulture, $"one call for all {texts.Length / whole,6:0}/s;  multiplications alone {texts.Length / floor,6:0}/s"));
        }
        shares.Sort();
        tails.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{callers} callers, {texts.Length} short texts ({tokens / (double)texts.Length:0.0} tokens), medians of {rounds}: {shares[shares.Count / 2]:0.00} of the multiplications' speed, p99 {tails[tails.Count / 2]:0.00} of each alone"));
    }

    private static (double Seconds, double[] Milliseconds) Ask(Func<string, Task> ask, string[] texts, int callers)
    {
        var times = new double[texts.Length];
        long started = Stopwatch.GetTimestamp();
        Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            for (int i = caller; i < texts.Length; i += callers)
            {
                long begun = Stopwatch.GetTimestamp();
                await ask(texts[i]).ConfigureAwait(false);
                times[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            }
        }))).GetAwaiter().GetResult();
        Array.Sort(times);
        return (Stopwatch.GetElapsedTime(started).TotalSeconds, times);
    }

    private static double At(double[] sorted, double share) => sorted[(int)Math.Min(sorted.Length - 1, share * sorted.Length)];
}
