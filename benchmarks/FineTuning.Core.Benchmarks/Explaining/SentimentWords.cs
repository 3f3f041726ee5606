namespace FineTuning.Benchmarks.Explaining;

/// <summary>A hundred words of film reviews whose direction nobody doubts, written by hand.</summary>
internal static class SentimentWords
{
    private static readonly string[] Positive =
    [
        "amazing", "beautiful", "beautifully", "brilliant", "captivating", "charming", "clever", "compelling", "delightful", "elegant",
        "engaging", "enjoyable", "entertaining", "enchanting", "excellent", "exhilarating", "fascinating", "fresh", "funny", "gorgeous",
        "great", "gripping", "hilarious", "honest", "imaginative", "impressive", "inspiring", "intelligent", "inventive", "likable",
        "lovely", "marvelous", "masterpiece", "memorable", "moving", "perfect", "pleasure", "poignant", "powerful", "refreshing",
        "remarkable", "rewarding", "satisfying", "sincere", "solid", "superb", "touching", "warm", "witty", "wonderful",
    ];

    private static readonly string[] Negative =
    [
        "amateurish", "annoying", "awful", "awkward", "bad", "banal", "bland", "boring", "clumsy", "contrived",
        "derivative", "disappointing", "disappointment", "dreadful", "dreary", "dull", "embarrassing", "empty", "fails", "flat",
        "forgettable", "hackneyed", "hollow", "horrible", "incoherent", "inept", "lame", "lacks", "lifeless", "mediocre",
        "mess", "monotonous", "pathetic", "pointless", "poorly", "predictable", "pretentious", "ridiculous", "shallow", "silly",
        "stale", "stupid", "tedious", "terrible", "tiresome", "uninspired", "unfunny", "waste", "weak", "worst",
    ];

    /// <summary>1 for a word that praises, -1 for one that blames, 0 for any other.</summary>
    public static int Direction(string word) => Positive.Contains(word, StringComparer.OrdinalIgnoreCase) ? 1 : Negative.Contains(word, StringComparer.OrdinalIgnoreCase) ? -1 : 0;
}
