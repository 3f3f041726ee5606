using System.Diagnostics;
using System.Globalization;

namespace FineTuning.Processes;

/// <summary>Each scenario many times, in processes of their own.</summary>
internal static class Repetition
{
    public static int Run(int count, string checkpoint)
    {
        int failures = 0;
        foreach (string scenario in Scenarios.All.Keys)
        {
            int failed = Enumerable.Range(0, count).Count(_ => Once(scenario, checkpoint) != 0);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{scenario}: {count - failed} of {count} ended well"));
            failures += failed;
        }
        return failures == 0 ? 0 : 1;
    }

    private static int Once(string scenario, string checkpoint)
    {
        using Process process = Process.Start(Environment.ProcessPath!, [scenario, checkpoint]);
        if (process.WaitForExit(TimeSpan.FromMinutes(2))) return process.ExitCode;
        process.Kill(entireProcessTree: true);
        return -1;
    }
}
