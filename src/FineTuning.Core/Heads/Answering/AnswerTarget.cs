using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>Which of a question's answers is learned: the first that stands where it is said to, or was moved there.</summary>
internal static class AnswerTarget
{
    private const string Nowhere = "no answer stands where it is said to";
    private const string Blank = "answers that are empty or white space, passed over";
    private const string Dropped = "answers that do not stand where they are said to, passed over for another of the question";
    private const string Moved = "answers that did not stand where they were said to, moved to the nearest occurrence of their text";

    /// <summary>The answer. Null: the question is left out, which the report has been told.</summary>
    /// <exception cref="TrainingDataException">An answer does not stand where it is said to, and that is to be refused.</exception>
    public static GivenAnswer? Of(AnsweredQuestion example, MismatchedAnswers mismatched, EncodingReport report)
    {
        bool passed = false;
        foreach (GivenAnswer answer in example.Answers)
        {
            if (string.IsNullOrWhiteSpace(answer.Text))
            {
                if (mismatched == MismatchedAnswers.Refuse)
                    throw new TrainingDataException(
                        $"an answer of the question \"{Excerpt.Of(example.Question)}\"{(example.Id is null ? "" : $" ({example.Id})")} is empty "
                        + "or white space; leave it out");
                Note(Blank);
                continue;
            }
            if (answer.Matches(example.Context))
            {
                if (passed) Note(Dropped);
                return answer;
            }
            if (mismatched == MismatchedAnswers.Refuse)
            {
                throw new TrainingDataException(
                    $"the answer \"{Excerpt.Of(answer.Text)}\" of the question "
                    + $"\"{Excerpt.Of(example.Question)}\"{(example.Id is null ? "" : $" ({example.Id})")} "
                    + $"does not stand at {answer.Start} of its text (offsets count UTF-16 units); "
                    + "correct it, or let it be left out or repaired (MismatchedAnswers)");
            }
            if (mismatched == MismatchedAnswers.Repair && answer.Repaired(example.Context) is { } repaired)
            {
                Note(Moved);
                return repaired;
            }
            passed = true;
        }
        report.Skip(Nowhere);
        report.Name(Nowhere, example.Id);
        return null;

        void Note(string what)
        {
            report.Note(what);
            report.Name(what, example.Id);
        }
    }
}
