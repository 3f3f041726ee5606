using System.Globalization;

namespace FineTuning.Metrics;

/// <summary>A text that a model wrote in an evaluation, beside what was expected.</summary>
/// <remarks>Immutable.</remarks>
public sealed class GeneratedSample
{
    private const int Longest = 80;

    internal GeneratedSample(string source, IReadOnlyList<string> references, string output) => (Source, References, Output) = (source, references, output);

    /// <summary>What the model was given: a prompt, a source, the turns of a conversation.</summary>
    public string Source { get; }

    /// <summary>What would have been right, one or several.</summary>
    public IReadOnlyList<string> References { get; }

    /// <summary>What the model wrote.</summary>
    public string Output { get; }

    /// <summary>Source, output and reference in one line; long texts are cut.</summary>
    public override string ToString()
    {
        string more = References.Count > 1 ? string.Create(CultureInfo.InvariantCulture, $" (and {References.Count - 1} more)") : "";
        return $"\"{Line(Source)}\" -> \"{Line(Output)}\"; expected \"{Line(References.Count > 0 ? References[0] : "")}\"{more}";
    }

    private static string Line(string text)
    {
        string line = text.ReplaceLineEndings(" ").Trim();
        if (line.Length <= Longest) return line;
        return string.Concat(line.AsSpan(0, char.IsHighSurrogate(line[Longest - 1]) ? Longest - 1 : Longest), "…");
    }
}
