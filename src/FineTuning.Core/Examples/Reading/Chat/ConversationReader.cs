using System.Text.Json;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>A record in OpenAI's, ShareGPT's, Alpaca's or the prompt-and-completion form as a conversation.</summary>
internal static class ConversationReader
{
    public static Conversation Read(JsonRow row, RecordForm? asked, RecordProblems problems)
    {
        (List<ChatTurn> turns, int prompt) = (asked ?? RecordForms.Require(row)) switch
        {
            RecordForm.Messages => (Listed(row, row.Element.TryGetProperty("messages", out _) || !row.Has("conversations") ? "messages" : "conversations"), 0),
            RecordForm.ShareGpt => (Listed(row, "conversations"), 0),
            RecordForm.Alpaca => (AlpacaReader.Turns(row), 0),
            RecordForm.PromptCompletion => Prompted(row, problems),
            RecordForm other => throw new RecordFault($"the record has the form {other}, which is no conversation; read it with the reader of that form"),
        };
        if (turns.Count == 0) throw new RecordFault("no messages");
        if (!turns.Exists(turn => turn.Role == "assistant")) throw new RecordFault("no assistant message: nothing to learn");
        Order(turns, problems);
        return new Conversation(turns) { Tools = ToolList.Read(row.Element), PromptTurns = prompt };
    }

    /// <summary>The messages under a key, below a system message that stands beside them.</summary>
    public static List<ChatTurn> Listed(JsonRow row, string key)
    {
        List<ChatTurn> turns = MessageList.Read(row.Required(key), key);
        AddSystem(row, turns);
        return turns;
    }

    public static void AddSystem(JsonRow row, List<ChatTurn> turns)
    {
        if (row.Element.Optional("system") is not { } system) return;
        string text = RecordValues.TextOf(system, "'system'");
        if (text.Length == 0) return;
        if (turns.Count > 0 && turns[0].Role == "system") throw new RecordFault("there are two system messages: under the key 'system', and the first message");
        turns.Insert(0, new ChatTurn("system", text));
    }

    private static (List<ChatTurn> Turns, int Prompt) Prompted(JsonRow row, RecordProblems problems)
    {
        PromptCompletion parts = PromptCompletionReader.Read(row, RecordForm.PromptCompletion, problems);
        if (parts.Prompt.Turns is { } prompt) return ([.. prompt, .. parts.Completion.Turns!], prompt.Count);
        throw new RecordFault("prompt and completion are texts, not messages; read them with PromptCompletions.Read");
    }

    /// <summary>Orders that many templates refuse.</summary>
    private static void Order(List<ChatTurn> turns, RecordProblems problems)
    {
        if (turns[0].Role == "assistant") problems.Warn("the conversation starts with assistant");
        for (int i = 1; i < turns.Count; i++)
        {
            if (turns[i].Role == "system") problems.Warn($"message {i + 1}: a system message that is not the first");
            if (turns[i].Role is "user" or "assistant" && turns[i].Role == turns[i - 1].Role)
            {
                problems.Warn($"messages {i} and {i + 1} are both from {turns[i].Role}; many templates refuse it");
            }
        }
        if (turns[^1].Role == "user") problems.Warn("the last message is from user: it is context without an answer");
    }
}
