using FineTuning.Examples;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>The last answer of a conversation as a case that an evaluation may write.</summary>
internal static class ChatCase
{
    private const string Assistant = "assistant";

    /// <summary>What is answered to the turns before the last. Null: the conversation does not end with one answer of text.</summary>
    public static WritingCase? Of(PretrainedTokenizer tokenizer, IReadOnlyList<ChatTurn> turns, IReadOnlyList<ChatTool>? tools)
    {
        if (turns.Count < 2 || turns[^1] is not { Role: Assistant, Content: { Length: > 0 } answer } || turns[^2].Role == Assistant) return null;
        ChatTurn[] asked = [.. turns.SkipLast(1)];
        IEnumerable<string> lines = asked.Select(turn => $"{turn.Role}: {turn.Content ?? turn.ToString()}");
        if (tools is { Count: > 0 }) lines = lines.Prepend($"tools: {string.Join(", ", tools)}");
        return new(string.Join('\n', lines), answer,
            () => tokenizer.EncodeChat(asked, new ChatOptions { Tools = tools, AddGenerationPrompt = true }).Ids);
    }
}
