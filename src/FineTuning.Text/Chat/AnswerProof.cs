using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// Where answers stand in the text of a template without marks. An answer begins where the conversation before it ends, rendered with what asks for an answer,
/// and ends where the conversation up to it ends. Both renderings must begin the whole text;
/// a template that writes a turn differently once others follow is found out and refused.
/// </summary>
internal static class AnswerProof
{
    private const string Role = "assistant", Probe = "WHERE_THE_CONTENT_BEGINS";
    private const string Remedy = "use a template with {% generation %} marks (many models have one for training), "
        + "or conversations that end with their only answer";

    /// <exception cref="ChatTemplateException">It cannot be proved where an answer stands.</exception>
    public static IReadOnlyList<(int Start, int End)> Of(ChatTemplate template, IReadOnlyList<ChatTurn> turns, ChatOptions options, string text)
    {
        var answers = new List<(int Start, int End)>();
        ChatOptions closed = options with { AddGenerationPrompt = false, ContinueFinalMessage = false }, asking = closed with { AddGenerationPrompt = true };
        for (int i = 0; i < turns.Count; i++)
        {
            if (turns[i].Role != Role) continue;
            if (i == 0) throw Refused(i, "it is the first turn, and nothing can be rendered before it");
            string before = Prefix(template, turns, i, asking, i), upTo = Prefix(template, turns, i + 1, closed, i);
            if (!upTo.StartsWith(before, StringComparison.Ordinal))
                throw Refused(i, $"the template asks for it in other words than it writes it in: {Parting(before, upTo)}");
            int end = EndOf(upTo, template, text) ?? throw Refused(i, $"the template writes the turns differently once others follow: {Parting(upTo, text)}");
            if (end < before.Length) throw Refused(i, "the template writes nothing for it");
            // Where nothing asks for an answer, what follows may begin with a header that the model is never to write.
            if (before == Prefix(template, turns, i, closed, i) && !BeginsWithContent(template, turns, i, closed, before))
            {
                throw Refused(i, "the template has nothing that asks for an answer (add_generation_prompt), and does not begin the turn with its content, "
                    + "so that what it writes in between cannot be told from the answer");
            }
            answers.Add((before.Length, end));
        }
        return answers;
    }

    private static string Prefix(ChatTemplate template, IReadOnlyList<ChatTurn> turns, int count, ChatOptions options, int answer)
    {
        try
        {
            return template.Render([.. turns.Take(count)], options).Text;
        }
        catch (ChatTemplateException fault)
        {
            throw new ChatTemplateException($"no loss mask: where the answer in turn {answer} stands is found by rendering the first {count} turns alone, "
                + $"which fails: {fault.Problem}; {Remedy}", fault.Line, false, fault, fault.Origin);
        }
    }

    // Some templates close a conversation with the end token of the text, which stands behind the last turn only.
    private static int? EndOf(string upTo, ChatTemplate template, string text)
    {
        if (text.StartsWith(upTo, StringComparison.Ordinal)) return upTo.Length;
        if (template.SpecialTokens.GetValueOrDefault("eos_token") is not { Length: > 0 } end || !upTo.EndsWith(end, StringComparison.Ordinal)) return null;
        string open = upTo[..^end.Length];
        return text.StartsWith(open, StringComparison.Ordinal) ? open.Length : null;
    }

    // Whatever the content is: one that looks like the header must not pass for it.
    private static bool BeginsWithContent(ChatTemplate template, IReadOnlyList<ChatTurn> turns, int i, ChatOptions options, string before)
    {
        string probed = Prefix(template, [.. turns.Take(i), turns[i] with { Content = Probe }], i + 1, options, i);
        return probed.StartsWith(before, StringComparison.Ordinal) && probed.AsSpan(before.Length).TrimStart().StartsWith(Probe, StringComparison.Ordinal);
    }

    private static string Parting(string expected, string found)
    {
        int at = 0;
        while (at < expected.Length && at < found.Length && expected[at] == found[at]) at++;
        return $"behind {at} equal characters stands {Excerpt(expected, at)}, and {Excerpt(found, at)}";
    }

    private static string Excerpt(string text, int at) =>
        at >= text.Length ? "nothing" : $"'{VisibleText.Of(text.AsSpan(at, Math.Min(40, text.Length - at)))}'";

    private static ChatTemplateException Refused(int turn, string problem) =>
        new($"no loss mask: it cannot be proved where the answer in turn {turn} (from 0) stands: {problem}; {Remedy}");
}
