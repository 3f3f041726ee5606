namespace FineTuning.Benchmarks.Comparison;

/// <summary>Where models and data are: shared/ beside the checkout, unless an argument names another place.</summary>
internal static class Shared
{
    public static string Root { get; } = Find();

    public static string Model => Path.Combine(Root, "models", "all-minilm-l6-v2");

    public static string Data(params string[] parts) => Path.Combine([Root, "data", .. parts]);

    private static string Find()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "FineTuning.Core.sln"))) return Path.GetFullPath(Path.Combine(folder, "..", "shared"));
        }
        return "shared";
    }
}
