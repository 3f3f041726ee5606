using System.Diagnostics;
using System.Globalization;

namespace FineTuning.Fuzz;

/// <summary>A given number of mutants of each kind of file, each a function of the seed and its number: the same ones again on every machine.</summary>
internal static class Mutants
{
    private const long MostBytes = 2L << 30;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10), LongestWaiting = TimeSpan.FromSeconds(120);

    /// <summary>Runs mutants of a target in this process and gives what is wrong with them.</summary>
    /// <param name="target">The kind.</param>
    /// <param name="seeds">What is changed.</param>
    /// <param name="from">The first number.</param>
    /// <param name="to">The number after the last.</param>
    /// <param name="seed">Of the series.</param>
    /// <param name="begin">Told of each before it runs.</param>
    public static IEnumerable<(int Number, string Input, string Problem)> Run(FuzzTarget target, IReadOnlyList<string> seeds, int from, int to, int seed, Action<int, string>? begin = null)
    {
        for (int number = from; number < to; number++)
        {
            var random = new Random(unchecked((seed * 1_000_003) + number));
            string input = seeds[random.Next(seeds.Count)];
            for (int count = 1 + random.Next(3); count > 0; count--) input = target.Mutate(input, seeds[random.Next(seeds.Count)], random);
            input = Worker.Storable(input);
            begin?.Invoke(number, input);
            if (Problem(target, input) is { } problem) yield return (number, input, problem);
        }
    }

    /// <summary>The worker: ends the process where a mutant does not end.</summary>
    public static int Work(FuzzTarget target, IReadOnlyList<string> seeds, int from, int to, int seed, string findings)
    {
        string current = Path.Combine(findings, "current"), text = Path.Combine(findings, "current-input");
        TimeSpan processor = default;
        long begun = 0;
        // On a busy machine time passes without a turn: what hangs takes the processor's time, or far longer.
        using var watchdog = new Timer(_ =>
        {
            if (Environment.CpuUsage.TotalTime - processor > Longest || Stopwatch.GetElapsedTime(begun) > LongestWaiting) Environment.Exit(Worker.Hung);
        });
        // What is loaded and compiled once is no mutant's time.
        if (seeds.Count > 0) target.Run(seeds[0]);
        foreach ((int number, string input, string problem) in Run(target, seeds, from, to, seed, Begin))
        {
            string file = Path.Combine(findings, $"{target.Name}-{number}");
            File.WriteAllText(file, input);
            File.WriteAllText(file + ".txt", problem);
            Console.WriteLine($"{target.Name} {number}: FOUND {problem.Split('\n')[0]}");
        }
        return 0;

        void Begin(int number, string input)
        {
            File.WriteAllText(text, input);
            // Whole or not there, whenever the process ends.
            File.WriteAllText(current + ".new", number.ToString(CultureInfo.InvariantCulture));
            File.Move(current + ".new", current, overwrite: true);
            (processor, begun) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
            watchdog.Change(Longest, TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Runs all kinds, each in a process of its own, which is started again after the mutant that ended it.</summary>
    /// <returns>How many mutants ended badly.</returns>
    public static int Supervise(IReadOnlyList<string> targets, int count, int seed, string findings)
    {
        Directory.CreateDirectory(findings);
        int bad = 0;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < targets.Count; i++)
        {
            string current = Path.Combine(findings, "current");
            File.Delete(current);
            int share = (count / targets.Count) + (i < count % targets.Count ? 1 : 0), from = 0, deaths = 0, hangs = 0;
            while (from < share)
            {
                using Process worker = Supervisor.Child(["mutants-worker", targets[i], $"{from}", $"{share}", $"{seed}", findings], redirect: false);
                worker.WaitForExit();
                if (worker.ExitCode == 0) break;
                if (worker.ExitCode == Worker.Hung) hangs++;
                else deaths++;
                if (!File.Exists(current))
                {
                    throw new InvalidOperationException($"the worker for {targets[i]} ended with {worker.ExitCode} before its first mutant");
                }
                int number = int.Parse(File.ReadAllText(current), CultureInfo.InvariantCulture);
                File.Copy(Path.Combine(findings, "current-input"), Path.Combine(findings, $"{targets[i]}-{number}-died"), overwrite: true);
                Console.WriteLine($"{targets[i]} {number}: {(worker.ExitCode == Worker.Hung ? "HUNG" : $"DIED with {worker.ExitCode}")}");
                from = number + 1;
            }
            int found = Directory.GetFiles(findings, $"{targets[i]}-*.txt").Length;
            bad += deaths + hangs + found;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{targets[i]}: {share} mutants, {deaths} deaths, {hangs} hangs, {found} untyped exceptions or more than 2 GB ({Stopwatch.GetElapsedTime(start).TotalSeconds:0} s)"));
        }
        Console.WriteLine($"{count} mutants of {targets.Count} kinds, seed {seed}: {bad} ended badly");
        return bad;
    }

    private static string? Problem(FuzzTarget target, string input)
    {
        long bytes = GC.GetTotalAllocatedBytes(), start = Stopwatch.GetTimestamp();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        try
        {
            target.Run(input);
        }
        catch (Exception fault)
        {
            return fault.ToString();
        }
        bytes = GC.GetTotalAllocatedBytes() - bytes;
        if (bytes > MostBytes) return $"{bytes >> 20} MB were allocated";
        // The peak is the process's: native memory counts too, and what is found once is not asked for again.
        using Process own = Process.GetCurrentProcess();
        if (own.PeakWorkingSet64 > MostBytes) return $"the process grew to {own.PeakWorkingSet64 >> 20} MB";
        TimeSpan taken = Environment.CpuUsage.TotalTime - processor;
        return taken > Longest && Stopwatch.GetElapsedTime(start) > Longest ? string.Create(CultureInfo.InvariantCulture, $"it took {taken.TotalSeconds:0} s of the processor's time") : null;
    }
}
