using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Patterns that were made to harm are refused, or take little time; none ends the process, on a thread with a small stack either.</summary>
public sealed class HostilePatternTests
{
    public static TheoryData<string> Patterns() =>
    [
        "a" + new string('*', 8_000),
        "a" + new string('+', 8_000),
        "a" + string.Concat(Enumerable.Repeat("{2}", 2_000)),
        "a" + string.Concat(Enumerable.Repeat("{2,3}?", 1_500)),
        "(ab)" + new string('?', 8_000),
        new string('(', 5_000) + "a" + new string(')', 4_000),
        Nested("(", 60, "a", ")+*+*+*+*"),
        Nested("(?i)(", 900, "a", ")"),
        Nested("(?>", 60, "a*", ")*+"),
        Nested("(?=", 60, "a", ")"),
        new string('[', 5_000) + "a" + new string(']', 5_000),
        Nested("[^", 60, "a", "]") + "{900}{900}",
        "(?<=" + Nested("(", 50, "a", "|b)") + ")c",
        "[" + string.Concat(Enumerable.Range(0, 4_000).Select(i => char.ConvertFromUtf32(0x4E00 + (2 * i)))) + "]+",
        string.Join('|', Enumerable.Range(0, 4_000).Select(i => char.ConvertFromUtf32(0x4E00 + (2 * i)))),
        string.Concat(Enumerable.Range(0, 4_000).Select(i => char.ConvertFromUtf32(0x4E00 + (2 * i)) + "?")),
    ];

    [Theory]
    [MemberData(nameof(Patterns))]
    public void A_pattern_is_refused_or_searched_in_bounds(string pattern)
    {
        Exception? found = null;
        var thread = new Thread(() => found = Record.Exception(() => Search(pattern)), maxStackSize: 512 * 1024);
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromSeconds(20)), "it takes more than 20 s");
        Assert.True(found is null or FormatException or TokenizationException, found?.ToString());
    }

    [Fact]
    public void Repetitions_in_a_row_are_refused_with_the_file()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string repeats = new('*', 8_000);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"),
            $$"""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a{{repeats}}"}, "behavior": "Isolated"}, "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"} } """);
        Assert.Contains("nesting", Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(folder)).InnerException!.Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    // Regular expressions that are in use are far from the bounds.
    [Fact]
    public void Repetitions_of_repetitions_still_mean_what_they_mean()
    {
        Assert.Equal([(0, 3)], Matches("a*+*", "aaab").Where(match => match.End > match.Start));
        Assert.Equal([(0, 4)], Matches("(ab){2}", "ababab"));
        Assert.Equal([(2, 3)], Matches("(?<=(?:(?:aa|bb)|(?:ab|cc)))c", "abc"));
    }

    private static void Search(string pattern)
    {
        foreach ((int _, int _) in SplitPattern.Expression(pattern).Find("aaaaaaaaaabababab \u4E00\u4E02")) continue;
    }

    private static List<(int Start, int End)> Matches(string pattern, string text)
    {
        var found = new List<(int Start, int End)>();
        foreach ((int start, int end) in SplitPattern.Expression(pattern).Find(text)) found.Add((start, end));
        return found;
    }

    private static string Nested(string opening, int depth, string middle, string closing) =>
        string.Concat(Enumerable.Repeat(opening, depth)) + middle + string.Concat(Enumerable.Repeat(closing, depth));
}
