using System.Text.RegularExpressions;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The table of rooms in docs/architecture.md is the house as it is.</summary>
public sealed partial class RoomTableTests
{
    [Fact]
    public void Every_room_and_every_room_in_it_is_in_the_table()
    {
        string source = Path.Combine(Goldens.Repository, "src", "FineTuning.Core");
        string[] rows = [.. File.ReadLines(Path.Combine(Goldens.Repository, "docs", "architecture.md")).Where(line => line.StartsWith("| `", StringComparison.Ordinal))];
        string[] rooms = [.. Directory.GetDirectories(source).Select(folder => Path.GetFileName(folder)!).Where(name => !name.StartsWith('.') && name is not ("bin" or "obj")).Order(StringComparer.Ordinal)];
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
