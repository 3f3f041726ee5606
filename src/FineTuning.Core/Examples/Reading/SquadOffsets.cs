using System.Text;

namespace FineTuning.Examples;

/// <summary>From offsets in code points to offsets in a C# string, and what is wrong with them.</summary>
internal static class SquadOffsets
{
    private const string Advice = "; with OnProblem reading goes on, and MismatchedAnswers of the model says what becomes of such answers";

    /// <summary>The answer with its offset in UTF-16 units; one that is not where the file says is reported and kept as it is.</summary>
    public static GivenAnswer Check(string text, long start, string context, string name, int? line, ProblemSink problems)
    {
        int length = CodePoints(context);
        var answer = new GivenAnswer(text, Utf16Offset(context, length, start));
        if (text.Length == 0) problems.Error(line, $"{name}: the answer text is empty");
        else if (start < 0) problems.Error(line, $"{name}: answer_start is {start}, but offsets count from 0{Advice}");
        else if (start > length) problems.Error(line, $"{name}: answer_start {start} is beyond the context ({length} characters){Advice}");
        else if (!answer.Matches(context)) problems.Error(line, $"{name}: {Mismatch(answer, start, context)}{Advice}");
        return answer;
    }

    // Offsets outside keep their distance from the end, so that nothing of what the file says is lost.
    private static int Utf16Offset(string context, int length, long start)
    {
        if (start < 0 || start > length) return (int)Math.Clamp(start < 0 ? start : context.Length + start - length, int.MinValue, int.MaxValue);
        int offset = 0;
        for (long i = 0; i < start; i++) offset += IsPair(context, offset) ? 2 : 1;
        return offset;
    }

    private static string Mismatch(GivenAnswer answer, long start, string context)
    {
        int end = Math.Min(context.Length, answer.Start + answer.Text.Length);
        string found = $"the context has '{Excerpted(context[answer.Start..end])}' at {start}, not '{Excerpted(answer.Text)}'";
        IReadOnlyList<int> offsets = answer.Occurrences(context);
        if (offsets.Count > 0)
        {
            string list = string.Join(" and ", offsets.Take(5).Select(offset => CodePoints(context.AsSpan(0, offset))));
            bool utf16 = start <= int.MaxValue && (answer with { Start = (int)start }).Matches(context);
            return $"{found}; the text occurs at {list}{(offsets.Count > 5 ? " and further offsets" : "")}{(utf16 ? " (the file counts UTF-16 units)" : "")}";
        }
        if (Composed(context).Contains(Composed(answer.Text), StringComparison.Ordinal))
        {
            return $"{found}; the two differ in their Unicode form only (composed or decomposed): normalise both";
        }
        return context.Contains(answer.Text, StringComparison.OrdinalIgnoreCase) ? $"{found}; it occurs with other capitals only"
            : $"{found}; it does not occur in the context";
    }

    private static string Composed(string text)
    {
        try
        {
            return text.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            return text;
        }
    }

    private static int CodePoints(ReadOnlySpan<char> text)
    {
        int count = 0;
        for (int i = 0; i < text.Length; count++) i += i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
        return count;
    }

    private static bool IsPair(string text, int offset) => offset + 1 < text.Length && char.IsSurrogatePair(text[offset], text[offset + 1]);

    private static string Excerpted(string text)
    {
        if (text.Length <= 80) return text;
        int end = char.IsHighSurrogate(text[79]) ? 79 : 80;
        return string.Concat(text.AsSpan(0, end), "...");
    }
}
