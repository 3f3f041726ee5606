using System.Text.RegularExpressions;
using FineTuning.Errors;

namespace MakeStarter;

/// <summary>Sentences drawn from rules: the everyday texts that books of the nineteenth century do not have.</summary>
internal sealed partial class Grammar
{
    private const int DeepestNesting = 20;

    private readonly Dictionary<string, string[]> _rules = new(StringComparer.Ordinal);
    private readonly string _path;

    /// <summary>Reads rules, one a paragraph: name = alternative | alternative.</summary>
    /// <exception cref="TrainingDataException">A line is no rule, or a rule names one that is missing.</exception>
    public Grammar(string path)
    {
        _path = path;
        string? name = null;
        foreach ((int number, string line) in File.ReadLines(path).Index())
        {
            if (string.IsNullOrWhiteSpace(line) || line[0] == '#') continue;
            Match rule = Rule().Match(line);
            if (!rule.Success || (name is null && rule.Groups["name"].Length == 0)) throw new TrainingDataException($"{path}, line {number + 1}: 'name = alternatives' or ' | alternatives' was expected");
            if (rule.Groups["name"].Length > 0) name = rule.Groups["name"].Value;
            _rules[name!] = [.. _rules.GetValueOrDefault(name!, []), .. rule.Groups["rest"].Value.Split('|', StringSplitOptions.TrimEntries)];
        }
        string[] missing = [.. _rules.Values.SelectMany(rules => rules).SelectMany(text => Place().Matches(text)).Select(place => place.Groups[1].Value).Distinct().Where(place => !_rules.ContainsKey(place))];
        if (missing.Length > 0) throw new TrainingDataException($"{path}: there is no rule for {string.Join(", ", missing)}");
    }

    /// <summary>The names of all rules, in ordinal order.</summary>
    public IReadOnlyList<string> Names => [.. _rules.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Different sentences; fewer than asked for where the rules do not give as many.</summary>
    public IEnumerable<string> Draw(int count, int seed)
    {
        var random = new Random(seed);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int tries = 0; seen.Count < count && tries < 4L * count; tries++)
        {
            string sentence = Text("sentence", random);
            if (seen.Add(sentence)) yield return sentence;
        }
    }

    /// <summary>A text of a rule, with a capital at its beginning.</summary>
    public string Text(string rule, Random random)
    {
        string text = Spaces().Replace(Expand(rule, random, 0), " ").Trim().Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal);
        return char.ToUpperInvariant(text[0]) + text[1..];
    }

    private string Expand(string name, Random random, int depth)
    {
        if (depth > DeepestNesting) throw new TrainingDataException($"{_path}: the rule '{name}' leads back to itself");
        string[] alternatives = _rules[name];
        return Place().Replace(alternatives[random.Next(alternatives.Length)], place => Expand(place.Groups[1].Value, random, depth + 1));
    }

    [GeneratedRegex(@"^(?:(?<name>[a-z0-9]+) = | \| )(?<rest>.*)$")]
    private static partial Regex Rule();

    [GeneratedRegex(@"\{([a-z0-9]+)\}")]
    private static partial Regex Place();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}
