using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace FineTuning.Fuzz;

/// <summary>Runs workers on an instrumented copy of the library, one after the other where a process dies.</summary>
internal static class Supervisor
{
    /// <summary>A short name for an input.</summary>
    public static string NameOf(string input) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(input)))[..16];

    /// <summary>Runs until the time is over and gives how many processes died.</summary>
    public static int Run(string target, TimeSpan time, int seed, string corpus, string findings)
    {
        string copy = Instrumented();
        int died = 0;
        long start = Stopwatch.GetTimestamp();
        while (time - Stopwatch.GetElapsedTime(start) is var left && left > TimeSpan.Zero)
        {
            int code = Start(copy, ["worker", target, ((int)Math.Ceiling(left.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture), (seed + died).ToString(System.Globalization.CultureInfo.InvariantCulture), corpus, findings]);
            if (code == 0) continue;
            died++;
            string current = Path.Combine(findings, "current");
            if (code != Worker.Hung && File.Exists(current)) File.Copy(current, Path.Combine(findings, "died-" + NameOf(File.ReadAllText(current))), overwrite: true);
            Console.WriteLine($"{target}: the process died with {code}");
        }
        return died;
    }

    /// <summary>Runs a command of this program on the instrumented copy.</summary>
    public static int Start(string copy, string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(copy, "FineTuning.Core.Fuzz.dll"), .. words]);
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>Starts a command of this program as it is.</summary>
    public static Process Child(string[] words, bool redirect = true)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "FineTuning.Core.Fuzz.dll"), .. words]) { RedirectStandardOutput = redirect };
        return Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
    }

    public static string Instrumented()
    {
        string copy = Directory.CreateTempSubdirectory("instrumented").FullName;
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory).Where(file => Path.GetExtension(file) is ".dll" or ".json")) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        // Native libraries are large, and nothing in them is counted.
        string natives = Path.Combine(AppContext.BaseDirectory, "runtimes");
        if (Directory.Exists(natives)) Directory.CreateSymbolicLink(Path.Combine(copy, "runtimes"), natives);
        Coverage.Instrument(copy);
        return copy;
    }
}
