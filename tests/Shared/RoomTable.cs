using System.Text.RegularExpressions;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The table of a project's rooms in docs/architecture.md, beside the folders that there are.</summary>
internal static partial class RoomTable
{
    /// <summary>Every folder of a project is in its table, and every folder in such a folder is named in that line.</summary>
    /// <param name="project">The project's name: the table stands under the heading that ends with <c>src/PROJECT, lowest first</c>.</param>
    public static void MustBeTheHouse(string project)
    {
        string source = Path.Combine(Goldens.Repository, "src", project);
        string[] rows = [.. File.ReadLines(Path.Combine(Goldens.Repository, "docs", "architecture.md"))
            .SkipWhile(line => !line.EndsWith($"src/{project}, lowest first", StringComparison.Ordinal)).Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal)).Where(line => line.StartsWith("| `", StringComparison.Ordinal))];
        string[] rooms = [.. Directory.GetDirectories(source).Select(folder => Path.GetFileName(folder)!)
            .Where(name => !name.StartsWith('.') && name is not ("bin" or "obj")).Order(StringComparer.Ordinal)];
        Assert.Equal(rooms, rows.Select(row => Quoted().Match(row).Groups[1].Value).Order(StringComparer.Ordinal));
        foreach (string row in rows)
        {
            string[] named = [.. Quoted().Matches(row).Select(match => match.Groups[1].Value)];
            IEnumerable<string> inside = Directory.GetDirectories(Path.Combine(source, named[0]), "*", SearchOption.AllDirectories).Select(folder => Path.GetFileName(folder)!);
            Assert.All(inside, room => Assert.True(named.Contains(room), $"{named[0]}/{room} is not in the table"));
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
