using System.Diagnostics;

namespace FineTuning.Mutations;

/// <summary>A copy of the repository in which every bug is planted behind a switch, and the laws are built: one build for all bugs.</summary>
internal sealed class PlantedTree(string repository, string folder)
{
    private const string Project = "tests/FineTuning.Testing.Tests";

    // The variable of the environment that turns one bug on.
    private const string Switch = "FINETUNING_PLANTED";

    private static readonly string Source = $$"""
        internal static class Planted
        {
            private static readonly string? Bug = System.Environment.GetEnvironmentVariable("{{Switch}}");

            public static int Count;

            public static bool Is(string id) => Bug == id;
        }
        """;

    private string Program => Path.Combine(folder, "artifacts", "bin", Path.GetFileName(Project), "release", Path.GetFileName(Project) + (OperatingSystem.IsWindows() ? ".exe" : ""));

    /// <summary>Copies, plants and builds.</summary>
    /// <exception cref="InvalidOperationException">A bug does not fit the code any more, or the planted code does not build.</exception>
    public void Build(IReadOnlyList<PlantedBug> bugs)
    {
        foreach (string name in Lines("git", "ls-files -co --exclude-standard -- src build *.props *.json *.txt .editorconfig README.md " + Project, repository))
        {
            string target = Path.Combine(folder, name);
            if (!File.Exists(Path.Combine(repository, name))) continue;
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(repository, name), target, overwrite: true);
        }
        foreach (IGrouping<string, PlantedBug> file in bugs.GroupBy(bug => bug.File))
        {
            string path = Path.Combine(folder, file.Key), text = File.ReadAllText(path);
            // From the back, so that what stands before stays where it is.
            foreach ((PlantedBug bug, int index) in file.Select(bug => (bug, bug.IndexIn(text))).OrderByDescending(one => one.Item2))
                text = $"{text[..index]}{bug.Planted()}{text[(index + bug.Find.Length)..]}";
            File.WriteAllText(path, text);
        }
        File.WriteAllText(Path.Combine(folder, "src", "FineTuning.Core", "Planted.cs"), Source);
        (int code, string output, _) = Start("dotnet",
            $"build {Project} -c Release -v q -nologo -p:RunAnalyzers=false -p:TreatWarningsAsErrors=false -p:EnforceCodeStyleInBuild=false", folder, null, TimeSpan.FromMinutes(10));
        if (code != 0) throw new InvalidOperationException($"the planted code does not build:\n{string.Join('\n', output.Split('\n').Where(line => line.Contains("error", StringComparison.Ordinal)).Distinct().Take(20))}");
    }

    /// <summary>Runs the laws with one bug, or none.</summary>
    public LawRun Run(string? bug)
    {
        (int code, string output, bool ended) = Start(Program, "--filter-namespace FineTuning.Testing.Tests.Laws --stop-on-fail on", folder, bug, TimeSpan.FromMinutes(2));
        if (!ended) return new(false, "the laws did not end in two minutes");
        if (code == 0) return new(true, "");
        string[] lines = output.Split('\n');
        int failed = Array.FindIndex(lines, line => line.StartsWith("failed ", StringComparison.Ordinal));
        return new(false, failed < 0 ? $"the process ended with {code}" : string.Join(' ', lines.Skip(failed).Take(2).Select(line => line.Trim())));
    }

    private static string[] Lines(string program, string arguments, string folder) =>
        Start(program, arguments, folder, null, TimeSpan.FromMinutes(1)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static (int Code, string Output, bool Ended) Start(string program, string arguments, string folder, string? bug, TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove(Switch);
        if (bug is not null) start.Environment[Switch] = bug;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(limit);
        if (!ended) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return (process.ExitCode, output.Result + errors.Result, ended);
    }
}

/// <summary>What the laws said.</summary>
/// <param name="Passed">Whether none was broken.</param>
/// <param name="Message">The first that was.</param>
internal sealed record LawRun(bool Passed, string Message);
