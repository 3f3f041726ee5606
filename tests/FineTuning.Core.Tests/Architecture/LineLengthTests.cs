using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>Lines of the library keep to the limit that .editorconfig states.</summary>
public sealed class LineLengthTests
{
    [Fact]
    public void No_line_is_longer_than_the_limit_of_editorconfig()
    {
        string setting = File.ReadLines(Path.Combine(Goldens.Repository, ".editorconfig")).Single(line => line.StartsWith("max_line_length", StringComparison.Ordinal));
        int limit = int.Parse(setting.Split('=')[1], System.Globalization.CultureInfo.InvariantCulture);
        string source = Path.Combine(Goldens.Repository, "src");
        var over = new List<string>();
        int files = 0;
        foreach (string path in Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(source, path).Replace('\\', '/');
            if (name.Contains("/obj/", StringComparison.Ordinal)) continue;
            files++;
            over.AddRange(File.ReadLines(path).Index().Where(line => line.Item.Length > limit).Select(line => $"{name}:{line.Index + 1} ({line.Item.Length})"));
        }

        Assert.True(files > 0);
        Assert.True(over.Count == 0, $"lines of more than {limit} characters: {string.Join(", ", over)}");
    }
}
