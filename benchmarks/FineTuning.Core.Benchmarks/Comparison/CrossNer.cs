using FineTuning.Examples;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Entities of five domains, each with types of its own and 100 to 200 sentences to learn from.</summary>
internal static class CrossNer
{
    public static IReadOnlyList<string> Domains { get; } = ["ai", "literature", "music", "politics", "science"];

    public static (TaggedText[] Train, TaggedText[] Dev, TaggedText[] Test, string[] Types) Read(string domain)
    {
        (TaggedWords[] train, TaggedWords[] dev, TaggedWords[] test) = (File(domain, "train.txt"), File(domain, "dev.txt"), File(domain, "test.txt"));
        string[] types = [.. train.Concat(dev).Concat(test).SelectMany(row => row.Tags).Where(tag => tag != "O").Select(tag => tag[2..]).Distinct().Order(StringComparer.Ordinal)];
        return (train, dev, test, types);
    }

    /// <summary>The domain's sentences as texts, without their tags.</summary>
    public static string[] Texts(string domain) =>
        [.. new[] { "train.txt", "dev.txt", "test.txt" }.SelectMany(name => File(domain, name)).Select(row => string.Join(' ', row.Words))];

    private static TaggedWords[] File(string domain, string name) => [.. ConllFile.Read(Shared.Data("crossner", domain, name)).Cast<TaggedWords>()];
}
