using Microsoft.Extensions.Logging;

namespace FineTuning.Diagnostics;

/// <summary>What sentence encoders write to the log; ids are stable.</summary>
internal static partial class SimilarityLog
{
    [LoggerMessage(41, LogLevel.Information, "{Folder} has no modules.json: vectors are the mean over tokens, not scaled to length 1")]
    public static partial void PlainEncoder(ILogger logger, string folder);

    [LoggerMessage(42, LogLevel.Information, "Few-shot classifier: {Texts} texts of {Labels} labels make {Pairs} pairs")]
    public static partial void FewShotPairs(ILogger logger, int texts, int labels, long pairs);

    [LoggerMessage(43, LogLevel.Warning, "The label '{Label}' has a single text: it stands in no similar pair")]
    public static partial void SingleText(ILogger logger, string label);

    [LoggerMessage(44, LogLevel.Information, "Logistic regression: {Iterations} iterations, loss {Loss}, largest gradient {Gradient}")]
    public static partial void HeadFitted(ILogger logger, int iterations, double loss, double gradient);
}
