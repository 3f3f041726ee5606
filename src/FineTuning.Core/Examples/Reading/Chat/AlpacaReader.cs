using System.Text.Json;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>Records in Alpaca's form: instruction, input, output and, where there is one, the history before them.</summary>
internal static class AlpacaReader
{
    // The prompts of the original release (Taori et al. 2023), which base models have been tuned with ever since.
    private const string WithInput =
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        + "Write a response that appropriately completes the request.";

    private const string WithoutInput = "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

    /// <summary>The record as a conversation: instruction and input joined by a line end.</summary>
    public static List<ChatTurn> Turns(JsonRow row)
    {
        (string instruction, string input, string output) = Parts(row);
        var turns = new List<ChatTurn>();
        if (row.Element.Optional("history") is { } history) AddHistory(turns, history);
        turns.Add(new ChatTurn("user", input.Length == 0 ? instruction : instruction + "\n" + input));
        turns.Add(new ChatTurn("assistant", output));
        ConversationReader.AddSystem(row, turns);
        return turns;
    }

    /// <summary>The record as the prompt of the original release and its output.</summary>
    public static PromptCompletion Prompt(JsonRow row, RecordProblems problems)
    {
        (string instruction, string input, string output) = Parts(row);
        if (row.Has("history"))
            problems.Warn("'history' is not a part of Alpaca's prompt and is left out; read the file with Conversations.Read to learn from it");
        if (row.Has("system"))
            problems.Warn("'system' is not a part of Alpaca's prompt and is left out; read the file with Conversations.Read to learn from it");
        string prompt = input.Length == 0
            ? $"{WithoutInput}\n\n### Instruction:\n{instruction}\n\n### Response:\n"
            : $"{WithInput}\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n";
        return new PromptCompletion(prompt, output);
    }

    private static (string Instruction, string Input, string Output) Parts(JsonRow row)
    {
        string instruction = RecordValues.TextOf(row.Required("instruction"), "'instruction'"),
            output = RecordValues.TextOf(row.Required("output"), "'output'");
        string input = row.Element.Optional("input") is { } given ? RecordValues.TextOf(given, "'input'") : "";
        if (instruction.Length == 0) throw new RecordFault("'instruction' is empty");
        if (output.Length == 0) throw new RecordFault("'output' is empty: nothing to learn");
        return (instruction, input, output);
    }

    private static void AddHistory(List<ChatTurn> turns, JsonElement history)
    {
        if (history.ValueKind != JsonValueKind.Array) throw new RecordFault($"'history' is {JsonRow.Kind(history)}; a list of pairs was expected");
        foreach (JsonElement pair in history.EnumerateArray())
        {
            if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2)
                throw new RecordFault("an entry of 'history' is no pair of instruction and answer");
            turns.Add(new ChatTurn("user", RecordValues.TextOf(pair[0], "an instruction of 'history'")));
            turns.Add(new ChatTurn("assistant", RecordValues.TextOf(pair[1], "an answer of 'history'")));
        }
    }
}
