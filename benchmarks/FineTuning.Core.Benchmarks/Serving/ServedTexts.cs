using FineTuning.Heads;

namespace FineTuning.Benchmarks.Serving;

/// <summary>A classifier as a service has it, and requests of many lengths.</summary>
internal static class ServedTexts
{
    private static readonly string[] Words = "I was charged twice for the same order this month and forgot my password the parcel never arrived can you please help me with it".Split(' ');

    public static TextClassifier<string> Open(string folder) => Pretrained.TextClassifier(folder,
        new TextClassifierOptions<string> { Labels = ["Billing", "Account", "Shipping", "Returns", "Other"], FreshHead = true });

    /// <summary>Texts of so many words at least and at most.</summary>
    public static string[] Make(int count, int shortest, int longest)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(shortest, longest + 1)).Select(_ => Words[random.Next(Words.Length)])))];
    }
}
