using System.Diagnostics;
using System.Globalization;

namespace FineTuning.Processes;

/// <summary>Another process of this program, which may be killed on its way.</summary>
/// <param name="arguments">Those of the program.</param>
internal sealed class Worker(params string[] arguments)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private readonly List<string> _lines = [];
    private readonly List<long> _times = [];
    private long _begun;

    /// <summary>What it wrote, line by line.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>How long after its beginning it wrote a line; null: it did not.</summary>
    public TimeSpan? TimeOf(string line) => _lines.IndexOf(line) is >= 0 and int index ? Stopwatch.GetElapsedTime(_begun, _times[index]) : null;

    /// <summary>From where it begins to its end.</summary>
    public TimeSpan Time { get; private set; }

    public int ExitCode { get; private set; }

    /// <summary>Whether it was alive when it was to be killed.</summary>
    public bool WasKilled { get; private set; }

    /// <summary>Runs it to its end.</summary>
    /// <param name="begins">Whether a line says that what may be killed begins.</param>
    /// <param name="milliseconds">It is killed so long after that. Null: it is not.</param>
    /// <param name="asks">By SIGTERM, which it may obey; else by SIGKILL.</param>
    /// <exception cref="InvalidOperationException">It does not end.</exception>
    public void Run(Predicate<string> begins, int? milliseconds, bool asks = false)
    {
        // The program is a file of its own, or run by dotnet.
        string[] program = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet" ? [typeof(Worker).Assembly.Location] : [];
        using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. program, .. arguments]) { RedirectStandardOutput = true })!;
        using var begun = new ManualResetEventSlim();
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
            {
                _lines.Add(text);
                _times.Add(Stopwatch.GetTimestamp());
            }
            // Null: the process has ended.
            if (line.Data is not { } last || begins(last)) begun.Set();
        };
        process.BeginOutputReadLine();
        begun.Wait(Limit);
        _begun = Stopwatch.GetTimestamp();
        if (milliseconds is { } wait && !process.WaitForExit(wait))
        {
            WasKilled = true;
            if (asks) Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
            else process.Kill();
        }
        if (!process.WaitForExit(Limit))
        {
            process.Kill();
            throw new InvalidOperationException($"the process did not end: {_lines.LastOrDefault()}");
        }
        // Once more, for the lines that are on their way.
        process.WaitForExit();
        (ExitCode, Time) = (process.ExitCode, Stopwatch.GetElapsedTime(_begun));
    }
}
