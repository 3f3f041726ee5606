using System.Diagnostics;
using Xunit;

namespace FineTuning.Tests;

/// <summary>Another program of the solution, of the same configuration, in a process of its own.</summary>
internal static class BuiltProgram
{
    /// <summary>Runs it to its end, which must be a good one; the test is skipped where it was not built.</summary>
    /// <param name="name">Its project.</param>
    /// <param name="limit">It is killed after this time.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>What it wrote.</returns>
    public static async Task<string> Run(string name, TimeSpan limit, params string[] arguments)
    {
        // Beside this project's folder of binaries lies that of the program.
        string own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), program = Path.Combine(own, "..", "..", name, Path.GetFileName(own), name + ".dll");
        if (!File.Exists(program)) Assert.Skip($"{program} is missing: build the whole solution");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{name} {string.Join(' ', arguments)} did not end");
        }
        Assert.True(process.ExitCode == 0, $"{name} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors} {await output}");
        return await output;
    }
}
