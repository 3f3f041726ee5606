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

/// <summary>Classes that no training row has: nothing can be learned of them.</summary>
internal static class MissingClasses
{
    /// <summary>A warning; none where every class has a row.</summary>
    /// <param name="what">What the classes are: labels, entity types.</param>
    /// <param name="names">All of them.</param>
    /// <param name="present">Whether a row has the class of an index.</param>
    public static IEnumerable<string> Of(string what, IReadOnlyList<string> names, Func<int, bool> present)
    {
        string[] missing = [.. names.Where((_, i) => !present(i))];
        if (missing.Length > 0)
            yield return $"no training row has the {what} {Excerpt.Of(string.Join(", ", missing))} ({missing.Length} of {names.Count}): "
                + "nothing is learned of them; check the names, or leave them out";
    }
}

/// <summary>What a record must have at least.</summary>
internal static class ExampleParts
{
    /// <exception cref="TrainingDataException">The part is null.</exception>
    public static T Require<T>(T? part, string what)
        where T : class =>
            part ?? throw new TrainingDataException(
                $"the record has no {what}: it is null; leave the record out, or give what is empty where there is nothing");
}

/// <summary>How much an example counts: a number that float32 computes with.</summary>
internal static class ExampleWeight
{
    /// <exception cref="TrainingDataException">The weight is out of range.</exception>
    public static void Check(double weight, string text)
    {
        if (Limits.IsWeight(weight)) return;
        throw new TrainingDataException(
            $"the weight {weight} of the text \"{Excerpt.Of(text)}\" is not {Limits.Weights}; leave an example out that is not to count");
    }
}
