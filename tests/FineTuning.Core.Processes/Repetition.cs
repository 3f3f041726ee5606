using System.Diagnostics;
using System.Globalization;

namespace FineTuning.Processes;

/// <summary>Each scenario many times, in processes of their own.</summary>
internal static class Repetition
{
    private const int TimeOut = int.MinValue;

    // Long, since other work may share the machine: a process that hangs never ends.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    /// <param name="count">How often.</param>
    /// <param name="checkpoint">Of a classifier.</param>
    /// <param name="only">Names of scenarios. Empty: all.</param>
    public static int Run(int count, string checkpoint, IReadOnlyCollection<string> only)
    {
        int failures = 0;
        foreach (string scenario in Scenarios.All.Keys.Where(name => only.Count == 0 || only.Contains(name)))
        {
            int[] failed = [.. Enumerable.Range(0, count).Select(_ => Once(scenario, checkpoint)).Where(code => code != 0)];
            string how = failed.Length == 0 ? "" : $"; the others with {string.Join(", ", failed.Select(code => code == TimeOut ? "no end" : $"code {code}"))}";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{scenario}: {count - failed.Length} of {count} ended well{how}"));
            failures += failed.Length;
        }
        return failures == 0 ? 0 : 1;
    }

    private static int Once(string scenario, string checkpoint)
    {
        using Process process = Process.Start("dotnet", [typeof(Repetition).Assembly.Location, scenario, checkpoint]);
        if (process.WaitForExit(Longest)) return process.ExitCode;
        process.Kill(entireProcessTree: true);
        return TimeOut;
    }
}
