using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace FineTuning.Tests.Models;

/// <summary>What used to end a process with a signal, in processes of their own: each scenario of FineTuning.Core.Processes five times.</summary>
public sealed class ProcessTests
{
    private const int Repetitions = 5;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2), KillLimit = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task The_first_sample_of_a_task_of_ones_own_is_the_first_code_of_a_process()
    {
        string own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), configuration = Path.GetFileName(own);
        string program = Path.Combine(own, "..", "..", "FineTuning.Core.Processes", configuration, "FineTuning.Core.Processes.dll");
        if (!File.Exists(program)) Assert.Skip($"{program} is missing: build the whole solution");
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [program, "own-task"]) { RedirectStandardError = true })!;
        string errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, errors);
    }

    [Theory]
    [InlineData("exit-while-training")]
    [InlineData("exit-while-predicting")]
    [InlineData("exit-from-handler")]
    [InlineData("exit-by-other-thread")]
    [InlineData("dispose-while-predicting")]
    [InlineData("dispose-while-training")]
    [InlineData("second-run")]
    public async Task It_ends_well(string scenario)
    {
        for (int i = 0; i < Repetitions; i++) await EndsWell(scenario, Limit, scenario);
    }

    [Fact]
    public async Task A_run_whose_process_is_killed_ends_with_the_same_bits() => await EndsWell("kill-test", KillLimit, "kill-test", Repetitions.ToString(CultureInfo.InvariantCulture));

    private static async Task EndsWell(string what, TimeSpan limit, params string[] arguments)
    {
        // Beside this project's folder of binaries lies that of the program, of the same configuration.
        string own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), configuration = Path.GetFileName(own);
        string program = Path.Combine(own, "..", "..", "FineTuning.Core.Processes", configuration, "FineTuning.Core.Processes.dll");
        string checkpoint = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify");
        if (!File.Exists(program)) Assert.Skip($"{program} is missing: build the whole solution");
        if (!Directory.Exists(checkpoint)) Assert.Skip($"{checkpoint} is missing");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments, checkpoint]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{what} did not end");
        }
        Assert.True(process.ExitCode == 0, $"{what} ended with {process.ExitCode}: {await errors} {await output}");
    }
}
