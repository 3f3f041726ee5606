using System.Runtime.CompilerServices;

namespace FineTuning.Tests;

/// <summary>Where the reference results are: FINETUNING_GOLDENS, else shared/goldens beside the checkout, else tests/goldens.</summary>
internal static class Goldens
{
    public static string Repository { get; } = FindRepository();

    public static string Root { get; } = FindRoot();

    /// <summary>The small BERT that the QuickStart sample carries.</summary>
    public static string Starter { get; } = Path.Combine(Repository, "docs", "samples", "QuickStart", "starter");

    /// <summary>The folder shared/ beside the checkout (models, data, vocab), or null where there is none.</summary>
    public static string? Shared { get; } = Existing(Path.GetFullPath(Path.Combine(Repository, "..", "shared")));

    /// <summary>A folder of goldens, or null where this set does not hold it.</summary>
    public static string? Folder(params string[] parts) => Existing(Path.Combine([Root, .. parts]));

    /// <summary>A folder of goldens; the test is skipped, saying what is missing, where this set does not hold it.</summary>
    public static string Require(params string[] parts)
    {
        string? folder = Folder(parts);
        if (folder is null) Xunit.Assert.Skip($"goldens '{string.Join('/', parts)}' are not in {Root}");
        return folder!;
    }

    /// <summary>A file or folder of shared/ beside the checkout; the test is skipped, saying what is missing, where there is none.</summary>
    public static string RequireShared(params string[] parts)
    {
        string? path = Shared is null ? null : Existing(Path.Combine([Shared, .. parts]));
        if (path is null) Xunit.Assert.Skip($"shared/{string.Join('/', parts)} is not beside this checkout");
        return path!;
    }

    private static string? Existing(string path) => Directory.Exists(path) || File.Exists(path) ? path : null;

    private static string FindRoot()
    {
        string? named = Environment.GetEnvironmentVariable("FINETUNING_GOLDENS");
        if (!string.IsNullOrEmpty(named)) return named;
        string beside = Path.GetFullPath(Path.Combine(Repository, "..", "shared", "goldens"));
        return Directory.Exists(beside) ? beside : Path.Combine(Repository, "tests", "goldens");
    }

    // With deterministic builds the compiler's path of this file starts with /_/, so the folder is looked for upwards from the binary as well.
    private static string FindRepository([CallerFilePath] string file = "")
    {
        foreach (string start in new[] { AppContext.BaseDirectory, Path.GetDirectoryName(file) ?? "", Environment.CurrentDirectory })
        {
            for (string? folder = start; !string.IsNullOrEmpty(folder); folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(Path.Combine(folder, "FineTuning.Core.sln"))) return folder;
            }
        }
        throw new InvalidOperationException("FineTuning.Core.sln was not found above the test binary");
    }
}
