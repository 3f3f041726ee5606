using System.Text.RegularExpressions;
using FineTuning.Errors;

namespace FineTuning.Adapters;

/// <summary>A regular expression of a file over a module's path. What others wrote may not run for ever.</summary>
internal sealed class ModulePattern
{
    private const int Longest = 4096;
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(500);
    private readonly Regex _expression;
    private readonly string _pattern;

    private ModulePattern(string pattern, Regex expression) => (_pattern, _expression) = (pattern, expression);

    /// <summary>Matches the whole path.</summary>
    public static ModulePattern Whole(string pattern) => new(pattern, Make($@"\A(?:{pattern})\z"));

    /// <summary>Matches the end of the path from a dot on, or all of it.</summary>
    public static ModulePattern Ending(string pattern) => new(pattern, Make($@"\A(?:.*\.)?(?:{pattern})\z"));

    /// <summary>What is wrong with a pattern; null: nothing.</summary>
    public static string? Fault(string pattern)
    {
        if (pattern.Length > Longest) return $"it has {pattern.Length} characters; {Longest} are allowed";
        try
        {
            _ = Whole(pattern);
            return null;
        }
        catch (ArgumentException fault)
        {
            return fault.Message;
        }
    }

    /// <exception cref="InvalidOptionsException">Matching takes too long.</exception>
    public bool Matches(string path)
    {
        try
        {
            return _expression.IsMatch(path);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new InvalidOptionsException([$"the pattern '{(_pattern.Length > 60 ? _pattern[..60] : _pattern)}' takes longer than " +
                $"{Limit.TotalMilliseconds} ms on '{path}': write it more simply"]);
        }
    }

    private static Regex Make(string pattern)
    {
        const RegexOptions Options = RegexOptions.CultureInvariant;
        try
        {
            return new Regex(pattern, Options | RegexOptions.NonBacktracking, Limit);
        }
        catch (NotSupportedException)
        {
            // Looking ahead or back; bounded by time.
            return new Regex(pattern, Options, Limit);
        }
    }
}
