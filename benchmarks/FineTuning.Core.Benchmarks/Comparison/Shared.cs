namespace FineTuning.Benchmarks.Comparison;

/// <summary>Where models and data are: shared/ beside the checkout, unless an argument names another place.</summary>
internal static class Shared
{
    /// <summary>The folder of the checkout. Null: the program runs outside of one.</summary>
    public static string? Checkout { get; } = Find();

    public static string Root { get; } = Checkout is null ? "shared" : Path.GetFullPath(Path.Combine(Checkout, "..", "shared"));

    public static string Model => Path.Combine(Root, "models", "all-minilm-l6-v2");

    public static string Data(params string[] parts) => Path.Combine([Root, "data", .. parts]);

    private static string? Find()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "FineTuning.Core.sln"))) return folder;
        }
        return null;
    }
}
