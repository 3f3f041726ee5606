using System.Diagnostics;
using System.Globalization;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// The loss over a large vocabulary with its gradient, chunk by chunk beside whole logits, in turns in one process: time by the clock and by the processor,
/// and the peak memory that each adds (the kernel's own count, reset before each; Linux).
/// </summary>
internal static class ChunkedLossCommand
{
    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        if (arguments.Number("threads", 0) is > 0 and int threads) set_num_threads(threads);
        int tokens = arguments.Number("tokens", 8192), words = arguments.Number("words", 32000), width = arguments.Number("width", 512), rounds = arguments.Number("rounds", 5);
        int chunk = arguments.Number("chunk", 0);
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        Tensor hidden = randn([tokens, width], generator: generator).mul_(Scalars.Held(0.5)).requires_grad_(true);
        Tensor weight = randn([words, width], generator: generator).mul_(Scalars.Held(0.05)).requires_grad_(true);
        var layer = new LinearTargets(hidden, weight, null, randint(0, words, [tokens], ScalarType.Int64, generator: generator));
        if (chunk > 0) layer = layer with { Chunk = chunk };
        double logits = (double)tokens * words * sizeof(float) / (1 << 20);
        // What both need whatever they do: the gradients of hidden states and weight.
        double gradients = ((double)tokens + words) * width * sizeof(float) / (1 << 20);
        var whole = new Measure("whole logits", () => nn.functional.cross_entropy(nn.functional.linear(hidden, weight), layer.Targets, reduction: nn.Reduction.Sum));
        var own = new Measure("chunked", () => ChunkedCrossEntropy.Sum(layer));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens, {words} words, width {width}: logits {logits:0} MB, gradients {gradients:0} MB, {layer.Chunk} tokens at once"));
        for (int round = 0; round <= rounds; round++)
        {
            // The first round is not measured; the order changes, so that whatever else the machine does meets both.
            foreach (Measure measure in round % 2 == 0 ? new[] { whole, own } : [own, whole]) measure.Run(hidden, weight, counts: round > 0);
        }
        foreach (Measure measure in new[] { whole, own })
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{measure.Name,-14} {measure.Median(measure.Seconds):0.000} s   processor {measure.Median(measure.Processor):0.000} s   peak {measure.Median(measure.Peaks):0} MB   beside gradients {measure.Median(measure.Peaks) - gradients:0} MB   loss {measure.Loss:0.000}"));
        }
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"chunked beside whole: time x {own.Median(own.Seconds) / whole.Median(whole.Seconds):0.000}, by processor x {own.Median(own.Processor) / whole.Median(whole.Processor):0.000}; logits beside memory / {logits / Math.Max(1, own.Median(own.Peaks) - gradients):0.0}"));
        Console.WriteLine("wanted: time x 1.05 at most; logits beside memory / 32 at 8192 tokens and 32000 words");
    }

    private sealed class Measure(string name, Func<Tensor> loss)
    {
        public string Name => name;

        public List<double> Seconds { get; } = [];

        public List<double> Processor { get; } = [];

        public List<double> Peaks { get; } = [];

        public double Loss { get; private set; }

        public double Median(List<double> values) => values.Count == 0 ? double.NaN : values.Order().ElementAt(values.Count / 2);

        public void Run(Tensor hidden, Tensor weight, bool counts)
        {
            // The peak starts again from what is resident now, which is nothing that was freed.
            ProcessMemory.Trim();
            if (OperatingSystem.IsLinux()) File.WriteAllText("/proc/self/clear_refs", "5");
            double before = Resident("VmRSS"), processor = Environment.CpuUsage.TotalTime.TotalSeconds;
            long started = Stopwatch.GetTimestamp();
            using (var scope = NewDisposeScope())
            {
                Tensor sum = loss();
                sum.backward();
                BackwardFaults.ThrowKept();
                Loss = sum.Number();
            }
            if (counts)
            {
                Seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                Processor.Add(Environment.CpuUsage.TotalTime.TotalSeconds - processor);
                Peaks.Add(Resident("VmHWM") - before);
            }
            hidden.grad = null;
            weight.grad = null;
        }

        private static double Resident(string field) => !OperatingSystem.IsLinux() ? double.NaN : File.ReadLines("/proc/self/status")
            .Where(line => line.StartsWith(field, StringComparison.Ordinal)).Select(line => double.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024).First();
    }
}
