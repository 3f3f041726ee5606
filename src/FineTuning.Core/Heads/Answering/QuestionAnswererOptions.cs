using FineTuning.Errors;

namespace FineTuning.Heads;

/// <summary>What becomes of answers that do not stand in the text where they are said to.</summary>
public enum MismatchedAnswers
{
    /// <summary>They are left out, counted and named; a question without any other answer is left out too.</summary>
    LeaveOut,

    /// <summary>They move to the nearest occurrence of their text, counted and named; those without one are left out.</summary>
    Repair,

    /// <summary>The first one ends the run with an error.</summary>
    Refuse,
}

/// <summary>How a question answerer is loaded, trained and asked.</summary>
/// <remarks>Of a text that is too long nothing is cut: it is read in windows. <see cref="TextOptions.Truncation"/> means nothing here.</remarks>
public sealed record QuestionAnswererOptions : TextOptions
{
    /// <summary>
    /// How many tokens of the text two windows share. Null: what the folder was saved with, else a quarter of the maximal length, at most 128.
    /// </summary>
    public int? Stride { get; init; }

    /// <summary>
    /// Whether a text may hold no answer (SQuAD 2.0). Null: what the folder was saved with, else false; then such a question in the data is an error.
    /// </summary>
    public bool? AllowsNoAnswer { get; init; }

    /// <summary>How far no answer must be ahead of the best answer, in logits, to be given. Null: what the folder was saved with, else 0.</summary>
    public double? NoAnswerThreshold { get; init; }

    /// <summary>How many starts and ends of each window are combined, and how many answers are returned. Default 20.</summary>
    public int CandidateCount { get; init; } = 20;

    /// <summary>The most tokens of an answer. Default 30.</summary>
    public int LongestAnswer { get; init; } = 30;

    /// <summary>Whether an answer may only begin where its window shows most of the text around it (as in BERT's first scripts). Default false.</summary>
    public bool FullestContextOnly { get; init; }

    /// <summary>What becomes of answers that do not stand where they are said to. Default: they are left out and counted.</summary>
    public MismatchedAnswers MismatchedAnswers { get; init; }

    internal void Validate(int maximumLength)
    {
        var violations = new List<string>();
        CollectViolations(violations);
        if (Stride is { } stride && (stride < 0 || stride > maximumLength - 4))
            violations.Add($"Stride is {stride}: it is from 0 to {maximumLength - 4}, so that windows of {maximumLength} tokens advance");
        if (CandidateCount is < 1 or > 1000) violations.Add($"CandidateCount is {CandidateCount}: it is from 1 to 1000");
        if (LongestAnswer < 1) violations.Add($"LongestAnswer is {LongestAnswer}: it is 1 or more");
        if (NoAnswerThreshold is { } threshold && !double.IsFinite(threshold)) violations.Add($"NoAnswerThreshold is {threshold}: it is a finite number");
        if (!Enum.IsDefined(MismatchedAnswers))
            violations.Add(HeadErrors.NotOneOf(nameof(MismatchedAnswers), MismatchedAnswers));
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}
