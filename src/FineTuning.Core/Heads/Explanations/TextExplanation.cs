using System.Globalization;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What a word did to the score of a label.</summary>
/// <param name="Word">The word, as it stands in the text.</param>
/// <param name="Start">Where it begins in its text.</param>
/// <param name="End">Where it ends in its text.</param>
/// <param name="Sequence">0 for the first text, 1 for the second.</param>
/// <param name="Value">Above 0: it spoke for the label; below 0: against it. In units of the score before softmax or sigmoid:
/// by how much it falls without the word.</param>
public sealed record WordAttribution(string Word, int Start, int End, int Sequence, double Value);

/// <summary>What mattered in a text: for each word by how much the label's score falls where the word is left out (erasure, Li et al. 2016).</summary>
/// <remarks>
/// A word that says what another says, too, does little alone: of "good, very good" each may be left out. The values say what the model made of the words, not
/// whether it was right to.
/// </remarks>
/// <param name="Text">The text.</param>
/// <param name="Pair">The second text. Null: there is none.</param>
/// <param name="Label">The label that is explained.</param>
/// <param name="Score">Its probability, or a regressor's number.</param>
/// <param name="Words">The words in the order of the texts, without those that were cut away.</param>
/// <param name="Rest">What no word did by itself: the words' values and this sum to the score before softmax or sigmoid.</param>
/// <param name="TruncatedTokens">How many tokens at the end of the text the model did not see; 0: it saw all.</param>
public sealed record TextExplanation(string Text, string? Pair, string Label, double Score, IReadOnlyList<WordAttribution> Words, double Rest,
    int TruncatedTokens) : IReportSection
{
    /// <inheritdoc/>
    public string Title => string.Create(CultureInfo.InvariantCulture, $"{Label} ({Score:0.###}): {Excerpt.Of(Text)}");

    /// <summary>The words that did most, for or against, the strongest first.</summary>
    /// <param name="count">How many at most.</param>
    public IReadOnlyList<WordAttribution> Strongest(int count) => [.. Words.OrderByDescending(word => Math.Abs(word.Value)).Take(count)];

    /// <summary>One page that needs nothing else: the text, coloured, and bars.</summary>
    public string ToHtml() => ExplanationPage.Page(this);

    /// <inheritdoc/>
    public string ToFragment() => ExplanationPage.Fragment(this);

    /// <summary>Bars of the strongest words as SVG.</summary>
    /// <param name="count">How many words at most, from 1.</param>
    public string ToSvg(int count = 12)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return ExplanationPage.Bars(this, count);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Label} ({Score:0.###}): "
            + $"{string.Join(", ", Strongest(5).Select(word => string.Create(CultureInfo.InvariantCulture, $"{word.Word} {word.Value:+0.###;-0.###;0}")))}");

    /// <summary>Words with their values.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    /// <param name="label">The label.</param>
    /// <param name="score">Its probability.</param>
    /// <param name="tokens">What the model read.</param>
    /// <param name="words">The tokens of each word.</param>
    /// <param name="values">The value of each word.</param>
    /// <param name="whole">The score before softmax or sigmoid.</param>
    internal static TextExplanation Of(string text, string? pair, string label, double score, TokenizedText tokens,
        int[][] words, double[] values, double whole)
    {
        var found = new WordAttribution[words.Length];
        for (int i = 0; i < found.Length; i++)
        {
            int sequence = tokens.SequenceIds[words[i][0]], start = words[i].Min(token => tokens.Starts[token]),
                end = words[i].Max(token => tokens.Ends[token]);
            // Pieces of some tokenizers hold the space before the word.
            string read = sequence == 0 ? text : pair!;
            while (start < end && char.IsWhiteSpace(read[start])) start++;
            while (end > start && char.IsWhiteSpace(read[end - 1])) end--;
            found[i] = new(read[start..end], start, end, sequence, values[i]);
        }
        return new(text, pair, label, score, found, whole - values.Sum(), tokens.TruncatedTokens);
    }
}
