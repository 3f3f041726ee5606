using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>Scores answers by the official rules of SQuAD, question by question.</summary>
/// <remarks>
/// Version 1.1: every question has an answer. Version 2.0: a question may have none, and an answer whose no-answer score is above a threshold counts as a
/// refusal. Keeps a few numbers a question, never a text. For one thread.
/// </remarks>
/// <param name="allowsNoAnswer">Version 2.0 instead of 1.1.</param>
public sealed class AnswerAccumulator(bool allowsNoAnswer)
{
    private readonly List<Entry> _entries = [];

    /// <summary>How many questions were added.</summary>
    public int Count => _entries.Count;

    /// <summary>Scores an answer.</summary>
    /// <param name="prediction">What was answered, the threshold aside. Empty: nothing.
    /// Null: the question was left out, which is worth 0 in version 1.1.</param>
    /// <param name="references">What is right, several if several are. Empty: nothing is.</param>
    /// <param name="noAnswerScore">How much speaks for no answer; any scale. Version 2.0 only.</param>
    /// <returns>Exact match, 0 or 1, and F1 from 0 to 1, both of the best fitting reference.</returns>
    /// <exception cref="ArgumentException">Version 1.1: there is no reference. Version 2.0: there is no prediction, or the score is NaN.</exception>
    public (double Exact, double F1) Add(string? prediction, IReadOnlyList<string> references, double noAnswerScore = 0)
    {
        NullMembers.RequireEntries(references, nameof(references));
        if (allowsNoAnswer && prediction is null)
            throw new ArgumentException("a question has no prediction; version 2.0 scores all questions", nameof(prediction));
        if (double.IsNaN(noAnswerScore)) throw new ArgumentException("the no-answer score is NaN", nameof(noAnswerScore));
        (double exact, double f1) = prediction is null ? (0, 0) : Score(prediction, references, allowsNoAnswer);
        _entries.Add(new(exact, f1, noAnswerScore, references.Count > 0, !string.IsNullOrEmpty(prediction)));
        return (exact, f1);
    }

    /// <summary>The scores over all questions, from 0 to 1.</summary>
    /// <param name="loss">The mean loss.</param>
    /// <param name="threshold">Version 2.0: the no-answer score above which an answer counts as a refusal.</param>
    /// <returns>
    /// <c>loss</c>, <c>exact_match</c> and <c>f1</c>; with version 2.0 also the same over questions with (<c>has_answer_</c>) and without (<c>no_answer_</c>)
    /// an answer, and the best that a threshold can do with that threshold (<c>best_exact</c>,
    /// <c>best_exact_threshold</c>, <c>best_f1</c>, <c>best_f1_threshold</c>).
    /// </returns>
    /// <exception cref="InvalidOperationException">No question was added.</exception>
    public MetricReport Report(double loss, double threshold = 1)
    {
        if (_entries.Count == 0) throw MetricErrors.NothingAdded("question");
        var values = new List<MetricValue> { MetricValue.Lower("loss", loss) };
        AddMeans(values, "", entry => true, threshold);
        if (!allowsNoAnswer) return new MetricReport(values);
        AddMeans(values, "has_answer_", entry => entry.HasAnswer, threshold);
        AddMeans(values, "no_answer_", entry => !entry.HasAnswer, threshold);
        AddBest(values, "exact", entry => entry.Exact);
        AddBest(values, "f1", entry => entry.F1);
        return new MetricReport(values);
    }

    /// <summary>Exact match and F1 of one answer: the best over the references.</summary>
    internal static (double Exact, double F1) Score(string prediction, IReadOnlyList<string> references, bool allowsNoAnswer)
    {
        if (allowsNoAnswer)
        {
            references = [.. references.Where(reference => AnswerText.Tokens(reference).Length > 0)];
            if (references.Count == 0) references = [""];
        }
        else if (references.Count == 0)
        {
            throw new ArgumentException("a question has no right answer, which version 1.1 does not know; use version 2.0", nameof(references));
        }
        return (references.Max(reference => AnswerText.IsExact(prediction, reference) ? 1.0 : 0),
            references.Max(reference => AnswerText.F1(prediction, reference, allowsNoAnswer)));
    }

    private void AddMeans(List<MetricValue> values, string prefix, Func<Entry, bool> belongs, double threshold)
    {
        double exact = 0, f1 = 0;
        int count = 0;
        foreach (Entry entry in _entries.Where(belongs))
        {
            bool refused = allowsNoAnswer && entry.NoAnswerScore > threshold;
            exact += refused ? (entry.HasAnswer ? 0 : 1) : entry.Exact;
            f1 += refused ? (entry.HasAnswer ? 0 : 1) : entry.F1;
            count++;
        }
        if (count == 0) return;
        values.Add(MetricValue.Higher(prefix + (prefix.Length == 0 ? "exact_match" : "exact"), exact / count));
        values.Add(MetricValue.Higher(prefix + "f1", f1 / count));
    }

    // The official walk: all questions unanswered at first, then one after the other answered, by rising no-answer
    // score; equal scores in the order of the data.
    private void AddBest(List<MetricValue> values, string name, Func<Entry, double> score)
    {
        double current = _entries.Count(entry => !entry.HasAnswer), best = current, threshold = 0;
        foreach (Entry entry in _entries.OrderBy(entry => entry.NoAnswerScore))
        {
            current += entry.HasAnswer ? score(entry) : entry.Answered ? -1 : 0;
            if (current > best) (best, threshold) = (current, entry.NoAnswerScore);
        }
        values.Add(MetricValue.Higher($"best_{name}", best / _entries.Count));
        values.Add(MetricValue.Neither($"best_{name}_threshold", threshold));
    }

    private readonly record struct Entry(double Exact, double F1, double NoAnswerScore, bool HasAnswer, bool Answered);
}
