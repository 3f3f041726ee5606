using System.Globalization;
using Xunit;

namespace FineTuning.Tests.Models;

/// <summary>What used to end a process with a signal, in processes of their own: each scenario of FineTuning.Core.Processes five times.</summary>
public sealed class ProcessTests
{
    private const int Repetitions = 5, EncodingKills = 20;
    private const string Program = "FineTuning.Core.Processes";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2), KillLimit = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task The_first_sample_of_a_task_of_ones_own_is_the_first_code_of_a_process() => await BuiltProgram.Run(Program, KillLimit, "own-task");

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
        for (int i = 0; i < Repetitions; i++) await BuiltProgram.Run(Program, Limit, scenario, Checkpoint());
    }

    [Fact]
    public async Task A_run_whose_process_is_killed_ends_with_the_same_bits() =>
        await BuiltProgram.Run(Program, KillLimit, "kill-test", Repetitions.ToString(CultureInfo.InvariantCulture), Checkpoint());

    [Fact]
    public async Task A_run_whose_process_is_killed_while_it_encodes_leaves_whole_rows_or_none() =>
        await BuiltProgram.Run(Program, KillLimit, "encoding-kills", EncodingKills.ToString(CultureInfo.InvariantCulture), Checkpoint());

    /// <summary>Too little for native code, some, and enough for the whole; what a machine maps decides whether parts are computed between them.</summary>
    [Theory]
    [InlineData("address-space")]
    [InlineData("address-space-predictions")]
    public async Task Under_a_limit_of_the_address_space_it_ends_as_without_or_with_an_exception(string work)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("the limit is that of Linux");
        string told = await BuiltProgram.Run(Program, KillLimit, work, "1", Checkpoint(), "64", "288", "4096");
        string[] lines = [.. told.TrimEnd().Split('\n').Where(line => line.Contains(" MB: ", StringComparison.Ordinal))];
        Assert.Contains("1 ended with an exception", lines[0], StringComparison.Ordinal);
        Assert.Contains(", 0 otherwise", lines[1], StringComparison.Ordinal);
        Assert.Contains("1 of 1 as without a limit (0 in parts)", lines[2], StringComparison.Ordinal);
    }

    private static string Checkpoint()
    {
        string checkpoint = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify");
        if (!Directory.Exists(checkpoint)) Assert.Skip($"{checkpoint} is missing");
        return checkpoint;
    }
}
