using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>At which tokens an answer ends: what a model that learned a template's answers writes last, and where generation stops.</summary>
public static class TurnEnds
{
    // Words that no template looks at, so that what follows them is the template's own.
    private static readonly ChatTurn[] Probe = [new("user", "Qz"), new("assistant", "Vk"), new("user", "Wx"), new("assistant", "Jy")];

    private static readonly ChatTool Tool = new("probe", "A tool.", []);

    // Some templates end a call of a tool in another way than an answer.
    private static readonly ChatTurn[] Calling = [Probe[0], new("assistant", "") { ToolCalls = [new ToolCall("probe", [])] }];

    /// <summary>
    /// The tokens at which answers end by the tokenizer's chat template, rising; the token that ends a text is among them where there is one.
    /// </summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="options">Which template, and its variables. Null: the default ones.</param>
    /// <exception cref="ChatTemplateException">The template is broken, refuses a plain conversation, or it cannot be proved where an answer stands.</exception>
    public static IReadOnlyList<int> TurnEndIds(this PretrainedTokenizer tokenizer, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ends = new SortedSet<int>();
        if (tokenizer.EndId is { } end) ends.Add(end);
        options = (options ?? new ChatOptions()) with { Logger = null, MaximumLength = null, AddGenerationPrompt = false, ContinueFinalMessage = false };
        // One answer and several: some templates end the last turn in another way.
        foreach (int turns in new[] { 2, Probe.Length })
        {
            Add(ends, tokenizer, Probe[..turns], options);
        }
        try
        {
            Add(ends, tokenizer, Calling, options with { Tools = [Tool] });
        }
        catch (ChatTemplateException)
        {
            // A template without tools has no other end for calls of them.
        }
        return [.. ends];
    }

    private static void Add(SortedSet<int> ends, PretrainedTokenizer tokenizer, ChatTurn[] turns, ChatOptions options)
    {
        EncodedChat chat = tokenizer.EncodeChat(turns, options);
        foreach (int last in LastLearned(chat))
        {
            if (tokenizer.IsAdded(chat.Ids[last])) ends.Add(chat.Ids[last]);
        }
    }

    /// <summary>The last token of each learned stretch that is not white space alone: templates write line ends of their own behind an end token.</summary>
    internal static IEnumerable<int> LastLearned(EncodedChat chat)
    {
        int last = -1;
        for (int i = 0; i <= chat.Ids.Length; i++)
        {
            if (i < chat.Ids.Length && chat.LossMask[i])
            {
                if (last < 0 || !string.IsNullOrWhiteSpace(chat.Text[chat.Starts[i]..chat.Ends[i]])) last = i;
            }
            else if (last >= 0)
            {
                yield return last;
                last = -1;
            }
        }
    }
}
