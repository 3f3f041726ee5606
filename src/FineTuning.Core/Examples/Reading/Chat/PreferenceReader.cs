using System.Text;
using System.Text.Json;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>Pairs in the forms people have: with a prompt, with messages before them, or as two whole conversations or texts that begin alike.</summary>
internal static class PreferenceReader
{
    public static PreferencePair Read(JsonRow row, RecordProblems problems)
    {
        bool messages = row.Has("chosen_messages") && !row.Has("chosen");
        TextOrTurns chosen = PromptCompletionReader.Part(row, messages ? "chosen_messages" : "chosen");
        TextOrTurns rejected = PromptCompletionReader.Part(row, messages ? "rejected_messages" : "rejected");
        if ((chosen.Turns is null) != (rejected.Turns is null))
        {
            throw new RecordFault($"'chosen' is {(chosen.Turns is null ? "a text" : "a list of messages")}, "
                + $"'rejected' {(rejected.Turns is null ? "a text" : "a list of messages")}");
        }
        if (chosen == rejected) problems.Error("chosen and rejected are the same: nothing can be preferred");
        (TextOrTurns prompt, chosen, rejected) = Given(row) is { } given && (given.Turns is null) == (chosen.Turns is null)
            ? (given, chosen, rejected)
            : CommonStart(chosen, rejected, problems);
        if (prompt.IsEmpty && Given(row) is not null) throw new RecordFault("the prompt is empty");
        PromptCompletionReader.Checked(prompt, chosen, "'chosen'");
        PromptCompletionReader.Checked(prompt, rejected, "'rejected'", mayBeEmpty: true);
        if (rejected.IsEmpty) problems.Warn("'rejected' is empty");
        return new PreferencePair(prompt, chosen, rejected) { Tools = ToolList.Read(row.Element), Margin = Margin(row) };
    }

    private static TextOrTurns? Given(JsonRow row)
    {
        if (row.Element.Optional("prompt") is not null) return PromptCompletionReader.Part(row, "prompt");
        return row.Element.Optional("conversations") is null ? null : new TextOrTurns(ConversationReader.Listed(row, "conversations"));
    }

    private static double? Margin(JsonRow row)
    {
        if (row.Element.Optional("margin") is not { } margin) return null;
        if (margin.ValueKind == JsonValueKind.Number && margin.TryGetDouble(out double value) && double.IsFinite(value)) return value;
        throw new RecordFault($"'margin' is {JsonRow.Kind(margin)}; a finite number was expected");
    }

    /// <summary>
    /// The longest start that both share is the prompt. Where one is the start of the other, its last message or character stays a completion.
    /// </summary>
    private static (TextOrTurns Prompt, TextOrTurns Chosen, TextOrTurns Rejected) CommonStart(TextOrTurns chosen, TextOrTurns rejected, RecordProblems problems)
    {
        if (chosen.Turns is { } first && rejected.Turns is { } second)
        {
            int turns = Common(first, second);
            if (turns == 0) problems.Warn("chosen and rejected begin with different messages: the prompt is empty");
            return (new([.. first.Take(turns)]), new([.. first.Skip(turns)]), new([.. second.Skip(turns)]));
        }
        (string better, string worse) = (chosen.Text!, rejected.Text!);
        int length = Common(better, worse);
        if (length == 0) problems.Warn("chosen and rejected have no common start: the prompt is empty");
        else if (better != worse && (better.StartsWith(worse, StringComparison.Ordinal) || worse.StartsWith(better, StringComparison.Ordinal)))
        {
            string start = better.Length < worse.Length ? "chosen is the start of rejected" : "rejected is the start of chosen";
            problems.Warn($"{start}: the last character of the shorter one is taken as its completion");
        }
        return (better[..length], better[length..], worse[length..]);
    }

    private static int Common(IReadOnlyList<ChatTurn> first, IReadOnlyList<ChatTurn> second)
    {
        int shorter = Math.Min(first.Count, second.Count), same = 0;
        while (same < shorter && first[same] == second[same]) same++;
        return same == shorter ? Math.Max(0, shorter - 1) : same;
    }

    private static int Common(string first, string second)
    {
        int same = first.AsSpan().CommonPrefixLength(second), shorter = Math.Min(first.Length, second.Length);
        if (same == shorter) return shorter == 0 ? 0 : shorter - LastRune(first, second);
        // A character of two units is not cut in half; a space just before the difference belongs to the completions.
        if (same > 0 && char.IsHighSurrogate(first[same - 1])) same--;
        return same > 0 && first[same - 1] == ' ' ? same - 1 : same;
    }

    private static int LastRune(string first, string second)
    {
        string shorter = first.Length < second.Length ? first : second;
        return Rune.DecodeLastFromUtf16(shorter, out _, out int length) == System.Buffers.OperationStatus.Done ? length : Math.Min(1, shorter.Length);
    }
}
