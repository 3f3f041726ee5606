using System.Security.Cryptography;
using System.Text;
using FineTuning.Examples;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Intents of bank customers, 77 classes: rows in the order of their texts' SHA-256, the last 1,000 of the training file for development.</summary>
internal static class Banking77
{
    private const int DevelopmentRows = 1000;

    public static (LabeledText<string>[] Train, LabeledText<string>[] Dev, LabeledText<string>[] Test) Read()
    {
        LabeledText<string>[] train = File("train.csv");
        return (train[..^DevelopmentRows], train[^DevelopmentRows..], File("test.csv"));
    }

    private static LabeledText<string>[] File(string name) =>
    [
        .. Csv.Read(Shared.Data("banking77", name)).Select(row => new LabeledText<string>(row["text"], row["category"]))
            .OrderBy(row => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(row.Text))), StringComparer.Ordinal),
    ];
}
