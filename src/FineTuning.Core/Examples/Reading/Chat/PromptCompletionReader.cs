using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>Records of prompt and completion, with and without a label.</summary>
internal static class PromptCompletionReader
{
    public static PromptCompletion Read(JsonRow row, RecordForm? asked, RecordProblems problems)
    {
        RecordForm form = asked ?? RecordForms.Require(row);
        if (form == RecordForm.Alpaca) return AlpacaReader.Prompt(row, problems);
        if (form != RecordForm.PromptCompletion)
            throw new RecordFault($"the record has the form {form}; prompt and completion, or Alpaca's instruction and output, were expected");
        TextOrTurns prompt = Part(row, "prompt"), completion = Part(row, "completion");
        return new PromptCompletion(prompt, Checked(prompt, completion, "completion")) { Tools = ToolList.Read(row.Element) };
    }

    public static UnpairedPreference ReadUnpaired(JsonRow row, RecordProblems problems)
    {
        (TextOrTurns prompt, TextOrTurns completion) = row.Has("messages") && !row.Has("completion") ? Split(row)
            : (Part(row, "prompt"), Part(row, "completion"));
        bool label = Label(row.Required("label"), problems);
        return new UnpairedPreference(prompt, Checked(prompt, completion, "completion"), label) { Tools = ToolList.Read(row.Element) };
    }

    /// <summary>A text, or messages.</summary>
    public static TextOrTurns Part(JsonRow row, string key)
    {
        JsonElement value = row.Required(key);
        if (value.ValueKind == JsonValueKind.Array) return new TextOrTurns(MessageList.Read(value, key));
        return value.ValueKind == JsonValueKind.Object ? new TextOrTurns([MessageList.Turn(value, $"'{key}'")])
            : new TextOrTurns(RecordValues.TextOf(value, $"'{key}'"));
    }

    /// <summary>The completion where it fits the prompt and is not empty.</summary>
    public static TextOrTurns Checked(TextOrTurns prompt, TextOrTurns completion, string name, bool mayBeEmpty = false)
    {
        static string Kind(TextOrTurns part) => part.Turns is null ? "a text" : "a list of messages";
        if ((prompt.Turns is null) != (completion.Turns is null))
            throw new RecordFault($"the prompt is {Kind(prompt)}, the {name} {Kind(completion)}; both are texts, or both are messages");
        if (completion.IsEmpty && !mayBeEmpty) throw new RecordFault($"the {name} is empty");
        if (completion.Turns is [.., { Role: not "assistant" } last]) throw new RecordFault($"the {name} ends with {last.Role}, not assistant");
        return completion;
    }

    // LLaMA-Factory's form: the last message is what is judged.
    private static (TextOrTurns Prompt, TextOrTurns Completion) Split(JsonRow row)
    {
        List<Text.ChatTurn> turns = ConversationReader.Listed(row, "messages");
        if (turns.Count < 2) throw new RecordFault($"{turns.Count} messages; at least two were expected, of which the last is judged");
        return (new TextOrTurns([.. turns.SkipLast(1)]), new TextOrTurns([turns[^1]]));
    }

    private static bool Label(JsonElement value, RecordProblems problems)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                return value.GetBoolean();
            case JsonValueKind.Number when value.GetRawText() is "0" or "1":
                problems.Warn($"label is the number {value.GetRawText()}: read as {(value.GetRawText() == "1" ? "true" : "false")}");
                return value.GetRawText() == "1";
            case JsonValueKind.String when RecordValues.TextOf(value, "label") is "true" or "false":
                problems.Warn($"label is the text '{value.GetString()}': read as {value.GetString()}");
                return value.GetString() == "true";
            case JsonValueKind.Null:
                throw new RecordFault("label is null; true or false was expected");
            default:
                throw new RecordFault($"label is {RecordValues.Quoted(value.GetRawText())}; true or false was expected");
        }
    }
}
