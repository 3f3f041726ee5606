using System.Diagnostics;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Without the platform's tables of languages, as in small containers, the reference's results are the same.</summary>
public sealed class InvariantModeTests
{
    private const string Switch = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT";

    [Fact]
    public void The_goldens_hold_in_invariant_mode()
    {
        string goldens = Path.Combine(Goldens.Repository, "tests", "goldens");
        if (Environment.GetEnvironmentVariable(Switch) == "1") Assert.Skip("this process is in that mode already");
        string program = Path.Combine(AppContext.BaseDirectory, "FineTuning.Text.Tests.dll");
        var start = new ProcessStartInfo("dotnet", [program, "--filter-class", typeof(GoldenTokenizerTests).FullName!]) { RedirectStandardOutput = true };
        start.Environment[Switch] = "1";
        start.Environment["FINETUNING_GOLDENS"] = goldens;
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output.Length > 4000 ? output[^4000..] : output);
    }
}
