using System.Diagnostics;
using Xunit;

namespace FineTuning.Tests.Models;

/// <summary>What used to end a process with a signal, in processes of their own: each scenario of FineTuning.Core.Processes five times.</summary>
public sealed class ProcessTests
{
    private const int Repetitions = 5;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("exit-while-training")]
    [InlineData("exit-while-predicting")]
    [InlineData("exit-from-handler")]
    [InlineData("exit-by-other-thread")]
    [InlineData("dispose-while-predicting")]
    [InlineData("dispose-while-training")]
    [InlineData("second-run")]
    [InlineData("memory-limit")]
    public async Task It_ends_well(string scenario)
    {
        // Beside this project's folder of binaries lies that of the program, of the same configuration.
        string own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), configuration = Path.GetFileName(own);
        string program = Path.Combine(own, "..", "..", "FineTuning.Core.Processes", configuration, "FineTuning.Core.Processes.dll");
        string checkpoint = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify");
        if (!File.Exists(program)) Assert.Skip($"{program} is missing: build the whole solution");
        if (!Directory.Exists(checkpoint)) Assert.Skip($"{checkpoint} is missing");
        for (int i = 0; i < Repetitions; i++)
        {
            var start = new ProcessStartInfo("dotnet", [program, scenario, checkpoint]) { RedirectStandardError = true, RedirectStandardOutput = true };
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            if (!process.WaitForExit(Limit))
            {
                process.Kill(entireProcessTree: true);
                Assert.Fail($"{scenario} did not end");
            }
            Assert.True(process.ExitCode == 0, $"{scenario} ended with {process.ExitCode}, time {i + 1}: {await errors}");
        }
    }
}
