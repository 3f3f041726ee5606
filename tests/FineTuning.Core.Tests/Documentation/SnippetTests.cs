using System.Text.RegularExpressions;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>Every C# block of README and docs is a region in a Documentation folder of the test projects, letter for letter, which is compiled and run by the tests beside it.</summary>
public sealed partial class SnippetTests
{
    public static TheoryData<string> Pages() =>
        [.. Directory.EnumerateFiles(Goldens.Repository, "*.md").Concat(Directory.EnumerateFiles(Path.Combine(Goldens.Repository, "docs"), "*.md", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(Goldens.Repository, path))];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_block_is_compiled_and_run(string page)
    {
        HashSet<string> regions = Regions();
        string[] blocks = [.. Blocks().Matches(File.ReadAllText(Path.Combine(Goldens.Repository, page))).Select(match => Normal(match.Groups[1].Value))];
        Assert.All(blocks, block => Assert.True(regions.Contains(block), $"this block of {page} is no region of the tests:\n{block}"));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_somewhere(string page)
    {
        string path = Path.Combine(Goldens.Repository, page);
        string[] targets = [.. Links().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value.Split('#')[0]).Where(target => target.Length > 0 && !target.Contains("://"))];
        Assert.All(targets, target => Assert.True(Path.Exists(Path.Combine(Path.GetDirectoryName(path)!, target)), $"{page} links to {target}, which does not exist"));
    }

    [Fact]
    public void Regions_are_found() => Assert.True(Regions().Count >= 5);

    private static HashSet<string> Regions()
    {
        IEnumerable<string> folders = Directory.EnumerateDirectories(Path.Combine(Goldens.Repository, "tests"), "*.Tests")
            .Select(project => Path.Combine(project, "Documentation")).Where(Directory.Exists);
        return [.. folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs")).Where(path => !path.EndsWith("SnippetTests.cs", StringComparison.Ordinal))
            .SelectMany(path => RegionsOf().Matches(File.ReadAllText(path)).Select(match => Normal(match.Groups[1].Value)))];
    }

    // Indentation common to all lines, and blank lines around the block, do not count.
    private static string Normal(string block)
    {
        string[] lines = [.. block.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())];
        int indent = lines.Where(line => line.Length > 0).Select(line => line.Length - line.TrimStart().Length).DefaultIfEmpty(0).Min();
        return string.Join('\n', lines.Select(line => line.Length > 0 ? line[indent..] : line)).Trim('\n');
    }

    [GeneratedRegex("^```csharp\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex("// snippet: [a-z-]+\n(.*?)^ *// end", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex RegionsOf();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Links();
}
