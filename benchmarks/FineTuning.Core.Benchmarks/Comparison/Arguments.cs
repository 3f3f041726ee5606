using System.Globalization;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Arguments of the form --name value.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = [];

    public static Arguments Parse(string[] words)
    {
        var arguments = new Arguments();
        for (int i = 0; i < words.Length; i++)
        {
            if (!words[i].StartsWith("--", StringComparison.Ordinal)) throw new ArgumentException($"'{words[i]}' was found where --name was expected");
            bool hasValue = i + 1 < words.Length && !words[i + 1].StartsWith("--", StringComparison.Ordinal);
            arguments._values[words[i][2..]] = hasValue ? words[++i] : "true";
        }
        return arguments;
    }

    public string Text(string name, string fallback) => _values.GetValueOrDefault(name, fallback);

    public int Number(string name, int fallback) => _values.TryGetValue(name, out string? value) ? int.Parse(value, CultureInfo.InvariantCulture) : fallback;
}
