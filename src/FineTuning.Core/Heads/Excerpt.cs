using FineTuning.Errors;

namespace FineTuning.Heads;

/// <summary>A text as messages quote it: one line, at most 80 characters.</summary>
internal static class Excerpt
{
    private const int Longest = 80;

    public static string Of(string text)
    {
        string line = text.ReplaceLineEndings(" ");
        if (line.Length <= Longest) return line;
        int end = char.IsHighSurrogate(line[Longest - 1]) ? Longest - 1 : Longest;
        return string.Concat(line.AsSpan(0, end), "…");
    }
}

/// <summary>What a record must have at least.</summary>
internal static class ExampleParts
{
    /// <exception cref="TrainingDataException">The part is null.</exception>
    public static T Require<T>(T? part, string what)
        where T : class => part ?? throw new TrainingDataException($"the record has no {what}: it is null; leave the record out, or give what is empty where there is nothing");
}

/// <summary>How much an example counts: a number that float32 computes with.</summary>
internal static class ExampleWeight
{
    public static void Check(double weight, string text)
    {
        if (Limits.IsWeight(weight)) return;
        throw new TrainingDataException($"the weight {weight} of the text \"{Excerpt.Of(text)}\" is not {Limits.Weights}; leave an example out that is not to count");
    }
}
