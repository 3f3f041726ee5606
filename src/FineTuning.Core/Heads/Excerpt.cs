using System.Globalization;
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
        if (missing.Length > 0) yield return $"no training row has the {what} {Excerpt.Of(string.Join(", ", missing))} ({missing.Length} of {names.Count}): nothing is learned of them; check the names, or leave them out";
    }
}

/// <summary>What a record must have at least.</summary>
internal static class ExampleParts
{
    /// <exception cref="TrainingDataException">The part is null.</exception>
    public static T Require<T>(T? part, string what)
        where T : class => part ?? throw new TrainingDataException($"the record has no {what}: it is null; leave the record out, or give what is empty where there is nothing");
}

/// <summary>Numbers that neither vanish nor overflow where they are multiplied and squared in float32 or bfloat16.</summary>
internal static class ExampleWeight
{
    private const double SmallestWeight = 1e-12, LargestWeight = 1e12, SmallestNumber = 1e-30, LargestNumber = 1e18;

    /// <summary>What a message says of the range.</summary>
    public const string Range = "from 1e-12 to 1e12";

    /// <summary>Whether a weight of rows or labels is in range.</summary>
    public static bool IsValid(double weight) => weight is >= SmallestWeight and <= LargestWeight;

    /// <exception cref="TrainingDataException">The weight is out of range.</exception>
    public static void Check(double weight, string text)
    {
        if (IsValid(weight)) return;
        throw new TrainingDataException(string.Create(CultureInfo.InvariantCulture, $"the weight {weight} of the text \"{Excerpt.Of(text)}\" is not {Range}, where float32 computes with it; weights count against each other only: scale them all, or leave the example out"));
    }

    /// <exception cref="TrainingDataException">The number is not finite, or float32 would lose it.</exception>
    public static double CheckNumber(double number, string what, string text)
    {
        if (number == 0 || Math.Abs(number) is >= SmallestNumber and <= LargestNumber) return number;
        string problem = double.IsFinite(number) ? "cannot be learned in float32: it is 0, or from 1e-30 to 1e18 in size; scale the numbers" : "is not a finite number";
        throw new TrainingDataException(string.Create(CultureInfo.InvariantCulture, $"the {what} {number} of \"{Excerpt.Of(text)}\" {problem}"));
    }
}
