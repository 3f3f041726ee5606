using System.Diagnostics;
using System.Globalization;
using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What adapters cost: fifty on one trunk, a switch, rows that ask for different ones, products of quantised matrices. --what real is the table of
/// tasks, --what steps what a training step takes.</summary>
internal static class AdaptersCommand
{
    public static void Run(Arguments arguments)
    {
        switch (arguments.Text("what", "many"))
        {
            case "real":
                AdapterTasks.Run(arguments);
                break;
            case "steps":
                AdapterSteps.Run(arguments);
                break;
            case "products":
                Products(arguments.Number("rounds", 5));
                break;
            default:
                Many(arguments.Number("adapters", 50), arguments.Number("rounds", 20));
                break;
        }
    }

    private static void Many(int count, int rounds)
    {
        using OutputHead head = OutputHead.Load(Shared.Model, HeadKind.None);
        using var adapters = new ModelAdapters(head);
        void Add(string name) => adapters.Add(Adapter.Lora(rank: 8).On(l => l.Named("query", "value")), name, use: false);
        // What the first one compiles and loads is no adapter's memory.
        Add("first");
        adapters.Remove("first");
        (long before, long managed) = (Resident(), GC.GetTotalMemory(true));
        for (int i = 0; i < count; i++) Add($"{i}");
        long added = Resident() - before, weights = 4 * head.Weights.Sum(weight => weight.Own.numel());
        long tensors = 4 * Enumerable.Range(0, count).Sum(i => adapters.Find($"{i}").Weights.Sum(weight => weight.Own.numel()));
        Print($"{count} adapters of rank 8: {tensors / 1e6:0.0} MB of tensors, {added / 1e6:0.0} MB of memory ({(GC.GetTotalMemory(true) - managed) / 1e6:0.0} MB managed), beside {weights / 1e6:0.0} MB of weights: " +
            $"{(weights + tensors) / (double)weights:0.000} and {(weights + added) / (double)weights:0.000} times the model");
        var switches = new List<double>();
        for (int i = 0; i < rounds * 10; i++)
        {
            long start = Stopwatch.GetTimestamp();
            adapters.Use($"{i % count}");
            switches.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        switches.Sort();
        Print($"a switch: median {switches[switches.Count / 2]:0.00} ms, slowest {switches[^1]:0.00} ms");
        adapters.UseNone();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor ids = randint(1000, [16, 64], dtype: ScalarType.Int64);
        double Time(Func<RowAdapters?> rows)
        {
            var times = new List<double>();
            for (int i = 0; i < rounds; i++)
            {
                using var inner = NewDisposeScope();
                long start = Stopwatch.GetTimestamp();
                RowAdapters.Within(rows(), () => head.Trunk.Hidden(new TrunkInput(ids), ForwardContext.Evaluation()));
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            return times.Order().ElementAt(times.Count / 2);
        }
        var requests = new AdapterRequests(adapters, head, [.. Enumerable.Range(0, 16).Select(i => $"{i % count}")]);
        double bare = Time(() => null), mixed = Time(() => requests.Of([.. Enumerable.Range(0, 16)]));
        adapters.Use("0");
        double one = Time(() => null);
        Print($"16 rows of 64 tokens: {bare:0.0} ms without an adapter, {one:0.0} ms with one, {mixed:0.0} ms with 16");
    }

    private static void Products(int rounds)
    {
        FineTuningRuntime.Load();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        foreach (long width in new long[] { 768, 2048 })
        {
            using Tensor numbers = randn(4 * width, width), half = numbers.to(ScalarType.BFloat16);
            var matrices = Enum.GetValues<QuantizationKind>().ToDictionary(kind => kind, kind =>
                new QuantizedMatrix([], [QuantizedRows.Of(numbers, new(kind), CPU)], 1));
            foreach (long tokens in new long[] { 1, 1024 })
            {
                using Tensor input = randn(tokens, width);
                var times = new Dictionary<string, List<double>>();
                void Time(string name, Func<Tensor> product)
                {
                    using var inner = NewDisposeScope();
                    long start = Stopwatch.GetTimestamp();
                    product();
                    if (!times.TryGetValue(name, out List<double>? own)) times[name] = own = [];
                    own.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
                // Interleaved: what else the machine does falls on all alike.
                for (int i = 0; i < rounds; i++)
                {
                    Time("float32", () => nn.functional.linear(input, numbers));
                    Time("bfloat16 kept", () => nn.functional.linear(input, half.to(ScalarType.Float32)));
                    foreach ((QuantizationKind kind, QuantizedMatrix matrix) in matrices)
                        Time($"{kind}", () => matrix.Multiply(input, null, 0, matrix.Rows, ForwardContext.Evaluation()));
                }
                double basis = Median(times["bfloat16 kept"]);
                Print($"{4 * width} x {width}, {tokens} tokens: " + string.Join(", ", times.Select(pair =>
                    string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {Median(pair.Value):0.00} ms ({Median(pair.Value) / basis:0.00})"))));
            }
            foreach ((QuantizationKind kind, QuantizedMatrix matrix) in matrices)
            {
                Print($"  {kind}: {8.0 * matrix.Bytes / numbers.numel():0.000} bits a number");
                matrix.Dispose();
            }
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        ProcessMemory.Trim();
        using Process own = Process.GetCurrentProcess();
        return own.WorkingSet64;
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static void Print(string line) => Console.WriteLine(line);
}
