using System.Diagnostics;
using System.Text.Json;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>Runs npm's tokenizers (benchmarks/tokenizers) in a process of its own; installs them into the ignored node_modules at first.</summary>
internal static class ReferenceProcess
{
    public static string Folder { get; } = FindFolder();

    /// <summary>Runs a job of reference.mjs and gives the lines that it wrote.</summary>
    public static string[] Run(object job, int threads)
    {
        Install();
        string path = Path.Combine(Directory.CreateTempSubdirectory("reference").FullName, "job.json");
        File.WriteAllText(path, JsonSerializer.Serialize(job));
        return Start("node", ["--max-old-space-size=8192", "reference.mjs", path], threads).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>A process that answers requests; its standard input and output are the caller's.</summary>
    public static Process Serve()
    {
        Install();
        string path = Path.Combine(Directory.CreateTempSubdirectory("reference").FullName, "job.json");
        File.WriteAllText(path, """{"do":"serve"}""");
        var start = new ProcessStartInfo("node", ["--max-old-space-size=8192", "reference.mjs", path]) { RedirectStandardInput = true, RedirectStandardOutput = true, WorkingDirectory = Folder };
        start.Environment["TOKENIZERS_PARALLELISM"] = "false";
        return Process.Start(start) ?? throw new InvalidOperationException("node did not start");
    }

    private static void Install()
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules", "tokenizers"))) Start("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], 1);
    }

    private static string Start(string program, string[] words, int threads)
    {
        var start = new ProcessStartInfo(program, words) { RedirectStandardOutput = true, WorkingDirectory = Folder };
        start.Environment["TOKENIZERS_PARALLELISM"] = threads > 1 ? "true" : "false";
        start.Environment["RAYON_NUM_THREADS"] = threads.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', words)} ended with {process.ExitCode}: {output}");
    }

    private static string FindFolder()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string candidate = Path.Combine(folder, "benchmarks", "tokenizers");
            if (Directory.Exists(candidate)) return candidate;
        }
        throw new InvalidOperationException("benchmarks/tokenizers was not found above the binary");
    }
}
