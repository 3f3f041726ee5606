using FineTuning.Tensors;

namespace FineTuning.Heads;

/// <summary>What numbers may be so that float32 computes with them: beyond, they vanish or become infinite in silence.</summary>
internal static class Limits
{
    private const double SmallestWeight = 1e-20, LargestWeight = 1e20, LargestTarget = 1e15, SmallestTarget = 1e-30,
        NearestToCertain = 1e-6, LargestDropout = 0.99;

    /// <summary>Whether losses can be multiplied by a weight.</summary>
    public static bool IsWeight(double weight) => weight is >= SmallestWeight and <= LargestWeight;

    /// <summary>Whether the square of a distance to a number is one.</summary>
    public static bool IsTarget(double value) => value == 0 || Math.Abs(value) is >= SmallestTarget and <= LargestTarget;

    /// <summary>What weights are, for a message.</summary>
    public static string Weights => "above 0 and finite: from 1e-20 to 1e20";

    /// <summary>What targets are, for a message.</summary>
    public static string Targets => "a finite number: 0, or from 1e-30 to 1e15 in size";

    public static void Threshold(double threshold, List<string> violations)
    {
        if (threshold is not (>= NearestToCertain and <= 1 - NearestToCertain))
            violations.Add($"Threshold is {threshold}: it is a probability from {NearestToCertain} to {1 - NearestToCertain}");
    }

    public static void Dropout(double? dropout, List<string> violations)
    {
        if (dropout is not (null or (>= 0 and <= LargestDropout))) violations.Add($"Dropout is {dropout}: it is from 0 to {LargestDropout}");
    }

    public static void Frozen(Precision? precision, List<string> violations)
    {
        if (precision is { } named && !Enum.IsDefined(named)) violations.Add(HeadErrors.NotOneOf("FrozenPrecision", named));
    }

    /// <summary>Weights by label: each of a label there is, each a weight.</summary>
    public static void LabelWeights<TLabel>(IReadOnlyDictionary<TLabel, double>? weights, LabelSet<TLabel>? labels, string option, List<string> violations)
        where TLabel : notnull
    {
        foreach ((TLabel label, double weight) in weights ?? new Dictionary<TLabel, double>())
        {
            if (labels?.IndexOf(label) < 0) violations.Add($"{option} names '{label}', which is not a label");
            if (!IsWeight(weight)) violations.Add($"{option} gives '{label}' {weight}: a weight is {Weights}");
        }
    }
}
