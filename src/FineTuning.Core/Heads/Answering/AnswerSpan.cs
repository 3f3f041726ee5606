namespace FineTuning.Heads;

/// <summary>What a question answerer finds: a part of the text.</summary>
/// <param name="Text">The answer. Empty: the text holds none.</param>
/// <param name="Start">The index in the C# string of the text (UTF-16 units) at which it begins; 0 without an answer.</param>
/// <param name="End">The index behind its last character.</param>
/// <param name="Probability">Its share among <paramref name="Candidates"/>, from 0 to 1: a softmax over their scores.</param>
/// <param name="NoAnswerMargin">How far no answer is ahead of the best answer, in logits; null where the model always answers,
/// infinite where there is nothing to answer with.</param>
/// <param name="Candidates">The best answers, the best first; no answer is among them (as an empty text) where the model may give it.
/// Several windows may give the same.</param>
public sealed record AnswerSpan(string Text, int Start, int End, double Probability, double? NoAnswerMargin, IReadOnlyList<AnswerCandidate> Candidates)
{
    /// <summary>Whether the text holds an answer.</summary>
    public bool HasAnswer => Text.Length > 0;

    /// <inheritdoc/>
    public override string ToString() => HasAnswer ? $"{Text} ({Probability:P1})" : $"(no answer, {Probability:P1})";
}

/// <summary>A possible answer.</summary>
/// <param name="Text">The part of the text. Empty: no answer.</param>
/// <param name="Start">The index (UTF-16 units) at which it begins.</param>
/// <param name="End">The index behind its last character.</param>
/// <param name="Score">The sum of the logits of its first and last token.</param>
/// <param name="Probability">The softmax of the score over all candidates of the question.</param>
public readonly record struct AnswerCandidate(string Text, int Start, int End, double Score, double Probability);
