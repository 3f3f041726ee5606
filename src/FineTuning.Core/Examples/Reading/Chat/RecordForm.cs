using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>In which of the usual forms a record of a chat file is written.</summary>
public enum RecordForm
{
    /// <summary>OpenAI's form: <c>messages</c>, each with <c>role</c> and <c>content</c>.</summary>
    Messages,

    /// <summary>ShareGPT's form: <c>conversations</c>, each with <c>from</c> and <c>value</c>.</summary>
    ShareGpt,

    /// <summary>Alpaca's form: <c>instruction</c>, <c>input</c> and <c>output</c>.</summary>
    Alpaca,

    /// <summary><c>prompt</c> and <c>completion</c>, both texts or both messages.</summary>
    PromptCompletion,

    /// <summary><c>chosen</c> and <c>rejected</c>, with or without <c>prompt</c> or <c>conversations</c>.</summary>
    Preference,

    /// <summary>A completion with a <c>label</c> of true or false.</summary>
    UnpairedPreference,

    /// <summary><c>text</c> alone.</summary>
    Text,
}

/// <summary>Finds out in which form a record is written.</summary>
public static class RecordForms
{
    private const string Known =
        "messages; conversations; instruction and output; prompt and completion; chosen and rejected; prompt and completion or messages with label; text";

    /// <summary>The form of a record, by its keys.</summary>
    /// <param name="row">The record.</param>
    /// <exception cref="Errors.TrainingDataException">Its keys are those of none; file and line are named.</exception>
    public static RecordForm FormOf(this JsonRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return Find(row) ?? throw row.Problem(Unknown(row));
    }

    internal static RecordForm Require(JsonRow row) => Find(row) ?? throw new RecordFault(Unknown(row));

    private static RecordForm? Find(JsonRow row)
    {
        bool Has(string key) => row.Element.TryGetProperty(key, out _);
        if ((Has("chosen") && Has("rejected")) || (Has("chosen_messages") && Has("rejected_messages"))) return RecordForm.Preference;
        if (Has("label") && (Has("messages") || (Has("prompt") && Has("completion")))) return RecordForm.UnpairedPreference;
        if (Has("messages")) return RecordForm.Messages;
        if (Has("conversations")) return IsOpenAi(row.Element.GetProperty("conversations")) ? RecordForm.Messages : RecordForm.ShareGpt;
        if (Has("instruction") && Has("output")) return RecordForm.Alpaca;
        if (Has("prompt") && Has("completion")) return RecordForm.PromptCompletion;
        return Has("text") ? RecordForm.Text : null;
    }

    private static bool IsOpenAi(JsonElement list) => list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
        && list[0].ValueKind == JsonValueKind.Object && list[0].TryGetProperty("role", out _);

    private static string Unknown(JsonRow row) => $"the keys {string.Join(", ", row.Columns)} are those of none of the known forms ({Known})";
}
