using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Text;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>
/// Ids and offsets of real lines with real vocabularies: cold (a tokenizer that has seen nothing) and warm (the same text again), on one thread and on two, in turns.
/// Each figure is the median of its rounds. Other libraries stand beside it in <see cref="NeighboursCommand"/>.
/// </summary>
internal static class TokenizeCommand
{
    private const int Passes = 5;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    public static void Run(Arguments arguments)
    {
        string root = Directory.CreateTempSubdirectory("pipelines").FullName;
        int rounds = arguments.Number("rounds", 9);
        string only = arguments.Text("only", "");
        string[] english = Novels("84", "1342", "1661"), chinese = Reviews();
        string[] other = Novels("11");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"two threads of arithmetic alone: {Ceiling(rounds):0.00} times one"));
        Console.WriteLine("pipeline           threads     tokens        cold        warm   x one cold   warm   B/token cold   warm");
        foreach ((string name, string folder) in RealPipelines.Write(root))
        {
            if (only.Length > 0 && only != name) continue;
            string[] lines = name == "unigram" ? chinese : english, warmup = name == "unigram" ? chinese[..2000] : other;
            Timing[] ours = Ours(folder, lines, warmup, rounds);
            foreach (int threads in new[] { 1, 2 })
            {
                Timing own = ours[threads - 1];
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-18} {threads,7} {own.Tokens,10} {own.PerSecond(own.Cold),9:0.00} M {own.PerSecond(own.Warm),9:0.00} M {own.ColdSpeedup,12:0.00} {own.WarmSpeedup,6:0.00} ")
                    + string.Create(CultureInfo.InvariantCulture, $"{own.ColdBytes / own.Tokens,14:0.0} {own.WarmBytes / own.Tokens,6:0.0}"));
            }
        }
    }

    // What two threads that share nothing give here: the most that can be expected of two that tokenize.
    private static double Ceiling(int rounds)
    {
        static void Spin()
        {
            ulong state = 1;
            for (int i = 0; i < 50_000_000; i++) state = (state * 6364136223846793005ul) + 1442695040888963407ul;
            GC.KeepAlive(state);
        }
        Spin();
        double Time(Action work)
        {
            long start = Stopwatch.GetTimestamp();
            work();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        return Median(Enumerable.Range(0, rounds).Select(_ => 2 * Time(Spin) / Time(() => Parallel.Invoke(Spin, Spin))));
    }

    // One thread and two in the same round, so that what else the machine does falls on both.
    private static Timing[] Ours(string folder, string[] lines, string[] warmup, int rounds)
    {
        // The code is compiled before anything is measured, by another tokenizer and another text.
        PretrainedTokenizer other = PretrainedTokenizer.Load(folder);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; Stopwatch.GetElapsedTime(start) < WarmUp; i++) Encode([other], warmup, 1 + (i % 2));
        var rows = new List<Timing>[] { [], [] };
        for (int round = 0; round < rounds; round++)
        {
            for (int turn = 0; turn < 2; turn++)
            {
                int threads = 1 + ((round + turn) % 2);
                // Several tokenizers that have seen nothing: one pass over the text is a few hundredths of a second.
                PretrainedTokenizer[] tokenizers = [.. Enumerable.Range(0, Passes).Select(_ => PretrainedTokenizer.Load(folder))];
                (long tokens, double cold, double coldBytes) = Encode(tokenizers, lines, threads);
                (_, double warm, double warmBytes) = Encode(tokenizers, lines, threads);
                rows[threads - 1].Add(new(tokens, cold, warm, coldBytes, warmBytes));
            }
        }
        // Against one thread in the same round: the machine's speed changes from minute to minute.
        double Speedup(int threads, Func<Timing, double> seconds) => Median(rows[0].Zip(rows[threads - 1], (one, several) => seconds(one) / seconds(several)));
        return
        [
            .. rows.Select((all, i) => all[0] with
            {
                Cold = Median(all.Select(row => row.Cold)), Warm = Median(all.Select(row => row.Warm)),
                ColdSpeedup = Speedup(i + 1, row => row.Cold), WarmSpeedup = Speedup(i + 1, row => row.Warm),
            }),
        ];
    }

    private static double Median(IEnumerable<double> seconds)
    {
        double[] sorted = [.. seconds.Order()];
        return (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
    }

    private static (long Tokens, double Seconds, double Bytes) Encode(PretrainedTokenizer[] tokenizers, string[] lines, int threads)
    {
        GC.Collect();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        long start = Stopwatch.GetTimestamp();
        var rows = new TokenizedText[lines.Length];
        foreach (PretrainedTokenizer tokenizer in tokenizers)
        {
            if (threads == 1) for (int i = 0; i < rows.Length; i++) rows[i] = tokenizer.Encode(lines[i]);
            else Parallel.For(0, rows.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => rows[i] = tokenizer.Encode(lines[i]));
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return (rows.Sum(row => (long)row.Ids.Length), seconds / tokenizers.Length, (GC.GetTotalAllocatedBytes(precise: true) - before) / tokenizers.Length);
    }

    internal static string[] Novels(params string[] numbers) => [.. numbers.SelectMany(number => Lines(Shared.Data("gutenberg", number + ".txt.gz")))];

    internal static string[] Reviews() => [.. Lines(Shared.Data("chnsenticorp", "train.tsv.gz")).Skip(1).Select(line => line.Split('\t')[^1]).Where(text => text.Length > 0)];

    private static string[] Lines(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        return [.. reader.ReadToEnd().Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0)];
    }

    private sealed record Timing(long Tokens, double Cold, double Warm, double ColdBytes, double WarmBytes)
    {
        public double ColdSpeedup { get; init; }

        public double WarmSpeedup { get; init; }

        public double PerSecond(double seconds) => Tokens / seconds / 1e6;
    }
}
