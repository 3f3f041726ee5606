using System.Globalization;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What a word did to the score of a label.</summary>
/// <param name="Word">The word, as it stands in the text.</param>
/// <param name="Start">Where it begins in its text.</param>
/// <param name="End">Where it ends in its text.</param>
/// <param name="Sequence">0 for the first text, 1 for the second.</param>
/// <param name="Value">Above 0: it spoke for the label; below 0: against it. In units of the score before softmax or sigmoid.</param>
public sealed record WordAttribution(string Word, int Start, int End, int Sequence, double Value);

/// <summary>What mattered in a text: for each word the gradient of the label's score by its embedding, times the embedding.</summary>
/// <remarks>
/// The values are a first-order account: with <see cref="Rest"/> they sum to the change of the score where all embeddings grow by a small part of themselves, divided
/// by that part. They say what the model looked at, not whether it was right to.
/// </remarks>
/// <param name="Text">The text.</param>
/// <param name="Pair">The second text; null: there is none.</param>
/// <param name="Label">The label that is explained.</param>
/// <param name="Score">Its probability, or a regressor's number.</param>
/// <param name="Words">The words in the order of the texts, without those that were cut away.</param>
/// <param name="Rest">The sum of what stands in no text: the template's special tokens.</param>
/// <param name="TruncatedTokens">How many tokens at the end of the text the model did not see; 0: it saw all.</param>
public sealed record TextExplanation(string Text, string? Pair, string Label, double Score, IReadOnlyList<WordAttribution> Words, double Rest, int TruncatedTokens) : IReportSection
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
        string.Create(CultureInfo.InvariantCulture, $"{Label} ({Score:0.###}): {string.Join(", ", Strongest(5).Select(word => string.Create(CultureInfo.InvariantCulture, $"{word.Word} {word.Value:+0.###;-0.###;0}")))}");

    /// <summary>Tokens' values as those of words.</summary>
    internal static TextExplanation Of(string text, string? pair, string label, double score, TokenizedText tokens, double[] values)
    {
        var words = new List<WordAttribution>();
        double rest = 0;
        for (int i = 0; i < values.Length;)
        {
            (int sequence, int word, double sum) = (tokens.SequenceIds[i], tokens.WordIds[i], values[i]);
            if (sequence < 0 || word < 0)
            {
                rest += values[i++];
                continue;
            }
            (int start, int end) = (tokens.Starts[i], tokens.Ends[i]);
            for (i++; i < values.Length && tokens.SequenceIds[i] == sequence && tokens.WordIds[i] == word; i++)
            {
                (start, end) = (Math.Min(start, tokens.Starts[i]), Math.Max(end, tokens.Ends[i]));
                sum += values[i];
            }
            // Pieces of some tokenizers hold the space before the word.
            string whole = sequence == 0 ? text : pair!;
            while (start < end && char.IsWhiteSpace(whole[start])) start++;
            while (end > start && char.IsWhiteSpace(whole[end - 1])) end--;
            words.Add(new(whole[start..end], start, end, sequence, sum));
        }
        return new(text, pair, label, score, words, rest, tokens.TruncatedTokens);
    }
}
