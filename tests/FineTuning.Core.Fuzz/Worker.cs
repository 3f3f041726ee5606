using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace FineTuning.Fuzz;

/// <summary>Changes inputs and runs them until the time is over; keeps those that reach something new.</summary>
internal sealed class Worker(FuzzTarget target, string corpus, string findings, int seed)
{
    private const long MostBytes = 512L << 20;
    private static readonly TimeSpan LongestCpu = TimeSpan.FromSeconds(8), LongestWall = TimeSpan.FromSeconds(90);

    private readonly Random _random = new(seed);
    private readonly Coverage _coverage = new();
    private readonly List<string> _inputs = [];
    private readonly HashSet<string> _known = [];
    private string _current = "";
    private long _runs;

    /// <summary>What the watchdog ends the process with where a run does not end.</summary>
    public const int Hung = 70;

    public void Run(IEnumerable<string> seeds, TimeSpan time)
    {
        Directory.CreateDirectory(corpus);
        Directory.CreateDirectory(findings);
        using var watchdog = new Timer(_ => Hang());
        long start = Stopwatch.GetTimestamp(), told = start;
        foreach (string input in Directory.GetFiles(corpus).Order(StringComparer.Ordinal).Select(File.ReadAllText).Concat(seeds)) Try(input, watchdog, save: false);
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            // Later ones more often: they are further from what was there at first.
            string input = _random.Next(3) == 0 ? _inputs[^(1 + _random.Next(Math.Min(_inputs.Count, 100)))] : _inputs[_random.Next(_inputs.Count)];
            Try(Storable(target.Mutate(input, _inputs[_random.Next(_inputs.Count)], _random)), watchdog, save: true);
            if (Stopwatch.GetElapsedTime(told) < TimeSpan.FromSeconds(60)) continue;
            told = Stopwatch.GetTimestamp();
            Tell(Stopwatch.GetElapsedTime(start));
        }
        Tell(Stopwatch.GetElapsedTime(start));
    }

    // A change may have torn a surrogate pair, which no file holds.
    internal static string Storable(string input) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(input));

    private void Tell(TimeSpan time) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{target.Name}: {time.TotalSeconds:0} s, {_runs} runs, {_coverage.Found} branches, {_inputs.Count} inputs, {_known.Count} findings, {Environment.WorkingSet >> 20} MB"));

    private void Try(string input, Timer watchdog, bool save)
    {
        // Where the process dies, the input is here.
        File.WriteAllText(Path.Combine(findings, "current"), input);
        _current = input;
        // It goes off where this run does not end before it is set anew.
        watchdog.Change(LongestWall, Timeout.InfiniteTimeSpan);
        Coverage.Clear();
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        try
        {
            target.Run(input);
            bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
            cpu = Environment.CpuUsage.TotalTime - cpu;
            if (bytes > MostBytes) Note("memory", $"{bytes >> 20} MB were allocated", input);
            if (cpu > LongestCpu) Note("time", $"{cpu.TotalSeconds:0.0} s of processor time", input);
        }
        catch (Exception fault)
        {
            Note(Place(fault), fault.ToString(), input);
        }
        _runs++;
        if (!_coverage.IsNew() && save) return;
        _inputs.Add(input);
        if (save) File.WriteAllText(Path.Combine(corpus, Supervisor.NameOf(input)), input);
    }

    // One finding a kind and place of the fault.
    private void Note(string place, string problem, string input)
    {
        if (!_known.Add(place)) return;
        string name = Supervisor.NameOf(input);
        File.WriteAllText(Path.Combine(findings, name), input);
        File.WriteAllText(Path.Combine(findings, name + ".txt"), problem);
        Console.WriteLine($"{target.Name}: FOUND {place}: {problem.Split('\n')[0]} ({name})");
    }

    private static string Place(Exception fault)
    {
        string[] frames = (fault.StackTrace ?? "").Split('\n');
        string own = Array.Find(frames, frame => frame.Contains("at FineTuning.", StringComparison.Ordinal))?.Trim() ?? "";
        return $"{fault.GetType().Name} {own.Split(" in ")[0]}";
    }

    private void Hang()
    {
        Note("hang", $"it runs for more than {LongestWall.TotalSeconds:0} s", _current);
        Environment.Exit(Hung);
    }
}
