using System.Diagnostics;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>A part of a measurement in a process of its own, so that memory, code and kernels are its own too.</summary>
internal static class OwnProcess
{
    /// <summary>Runs this program with other arguments.</summary>
    /// <param name="words">The arguments.</param>
    /// <returns>The lines that it wrote; the last is the result.</returns>
    /// <exception cref="InvalidOperationException">It failed; what it wrote is in the message.</exception>
    public static string[] Lines(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(OwnProcess).Assembly.Location, .. words]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("the measuring process did not start");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Trim().Split('\n') : throw new InvalidOperationException($"'{string.Join(' ', words)}' failed: {output}");
    }
}
