using System.Text.RegularExpressions;

namespace FineTuning.Metrics;

/// <summary>How TER is computed.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>. The defaults are sacrebleu's.</remarks>
public sealed record TerOptions
{
    /// <summary>Whether punctuation is cut off and escapes are undone. Default false.</summary>
    public bool Normalized { get; init; }

    /// <summary>Whether punctuation is left out. Default false.</summary>
    public bool WithoutPunctuation { get; init; }

    /// <summary>Whether the rules for Chinese and Japanese apply as well, where one of the two above does. Default false.</summary>
    public bool Asian { get; init; }

    /// <summary>Whether upper and lower case differ. Default false.</summary>
    public bool CaseSensitive { get; init; }
}

/// <summary>
/// The translation edit rate: insertions, deletions, substitutions and shifts of runs of words (Snover et al. 2006), with the numbers of sacrebleu.
/// </summary>
/// <remarks>Immutable and thread-safe. The fewest edits over the references are divided by the references' mean length. Smaller is better.</remarks>
/// <param name="options">Null: sacrebleu's defaults.</param>
public sealed partial class Ter(TerOptions? options = null) : CorpusMetric
{
    private const string AsianMarks = "([\u3001\u3002\u3008-\u3011\u3014-\u301F\uFF61-\uFF65\u30FB])";
    private const string WideMarks = "([\uFF0E\uFF0C\uFF1F\uFF1A\uFF1B\uFF01\uFF02\uFF08\uFF09])";

    private readonly TerOptions _options = options ?? new TerOptions();

    /// <inheritdoc/>
    public override string Name => "ter";

    /// <inheritdoc/>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    public override double Score(IReadOnlyList<double> statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        if (statistics.Count != 2) throw MetricErrors.WrongCounts(statistics, "TER has 2, edits and length");
        return statistics[1] > 0 ? 100 * statistics[0] / statistics[1] : statistics[0] > 0 ? 100 : 0;
    }

    /// <summary>The words that are compared.</summary>
    internal string[] Words(string text)
    {
        if (!_options.CaseSensitive) text = AnswerText.Lower(text);
        if (_options.Normalized) text = Western(text);
        if (_options.Normalized && _options.Asian) text = Eastern(text);
        if (_options.WithoutPunctuation) text = WesternPunctuation().Replace(text, "");
        if (_options.WithoutPunctuation && _options.Asian) text = WidePunctuation().Replace(AsianPunctuation().Replace(text, ""), "");
        return AnswerText.Words(text);
    }

    private protected override double[] Count(string prediction, IReadOnlyList<string> references)
    {
        string[] words = Words(prediction.TrimEnd());
        string[][] expected = [.. references.Select(reference => Words(reference.TrimEnd()))];
        return [expected.Min(reference => ShiftSearch.Edits(words, reference)), expected.Average(reference => (double)reference.Length)];
    }

    private static string Western(string text)
    {
        text = text.Replace("\n-", "", StringComparison.Ordinal).Replace('\n', ' ')
            .Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal).Replace("&lt;", "<", StringComparison.Ordinal)
            .Replace("&gt;", ">", StringComparison.Ordinal);
        text = BleuTokens.Around($" {text} ", BleuTokens.IsWesternMark).Replace("'s ", " 's ", StringComparison.Ordinal);
        if (text.EndsWith("'s", StringComparison.Ordinal)) text = text[..^2] + " 's";
        return string.Concat(" ", string.Join(' ', BleuTokens.Western(text)), " ");
    }

    // Ideographs one by one; a text of one Japanese syllabary alone is a word; marks apart.
    private static string Eastern(string text)
    {
        text = Ideographs().Replace(text, " $1 ");
        text = Strokes().Replace(text, " $1 ");
        text = Compatibility().Replace(text, " $1 ");
        text = Enclosed().Replace(text, " $1 ");
        text = Hiragana().Replace(text, "$1 $2 ");
        text = Katakana().Replace(text, "$1 $2 ");
        text = Phonetic().Replace(text, "$1 $2 ");
        return WidePunctuation().Replace(AsianPunctuation().Replace(text, " $1 "), " $1 ");
    }

    [GeneratedRegex("[.,?:;!\"()]")]
    private static partial Regex WesternPunctuation();

    [GeneratedRegex(AsianMarks)]
    private static partial Regex AsianPunctuation();

    [GeneratedRegex(WideMarks)]
    private static partial Regex WidePunctuation();

    [GeneratedRegex("([\u4E00-\u9FFF\u3400-\u4DBF])")]
    private static partial Regex Ideographs();

    [GeneratedRegex("([\u31C0-\u31EF\u2E80-\u2EFF])")]
    private static partial Regex Strokes();

    [GeneratedRegex("([\u3300-\u33FF\uF900-\uFAFF\uFE30-\uFE4F])")]
    private static partial Regex Compatibility();

    [GeneratedRegex("([\u3200-\u3F22])")]
    private static partial Regex Enclosed();

    [GeneratedRegex("(^|^[\u3040-\u309F])([\u3040-\u309F]+)(?=$|^[\u3040-\u309F])")]
    private static partial Regex Hiragana();

    [GeneratedRegex("(^|^[\u30A0-\u30FF])([\u30A0-\u30FF]+)(?=$|^[\u30A0-\u30FF])")]
    private static partial Regex Katakana();

    [GeneratedRegex("(^|^[\u31F0-\u31FF])([\u31F0-\u31FF]+)(?=$|^[\u31F0-\u31FF])")]
    private static partial Regex Phonetic();
}
