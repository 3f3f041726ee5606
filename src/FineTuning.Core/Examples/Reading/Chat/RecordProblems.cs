using System.Text.Json;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>Why a record cannot be used. Caught where records are mapped; it never leaves this library.</summary>
internal sealed class RecordFault(string problem) : Exception(problem);

/// <summary>What is said about one record: its file and line are added.</summary>
internal sealed class RecordProblems(Row row, Action<DataProblem>? handler)
{
    private readonly ProblemSink _sink = new(row.File, handler);

    /// <summary>An error after which a lenient reader keeps the record.</summary>
    public void Error(string message) => _sink.Error(row.Line, message);

    public void Warn(string message) => _sink.Warn(row.Line, message);

    /// <summary>Maps records one by one. One that cannot be used is an error with its file and line; a lenient reader goes on behind it.</summary>
    public static IEnumerable<T> Map<T>(IEnumerable<JsonRow> rows, Action<DataProblem>? handler, Func<JsonRow, RecordProblems, T> read)
    {
        int index = 0;
        foreach (JsonRow row in rows)
        {
            if (row is null) throw new ArgumentException($"rows[{index}] is null; leave it out", nameof(rows));
            index++;
            var problems = new RecordProblems(row, handler);
            T record;
            try
            {
                record = read(row, problems);
            }
            catch (Exception fault) when (fault is RecordFault or ChatTemplateException)
            {
                problems.Error(fault is ChatTemplateException chat ? chat.Problem : fault.Message);
                continue;
            }
            yield return record;
        }
    }
}

/// <summary>Values of a record, each with what was expected where it is something else.</summary>
internal static class RecordValues
{
    private const int LongestQuote = 40;

    /// <summary>The value of a key.</summary>
    /// <exception cref="RecordFault">There is none.</exception>
    public static JsonElement Required(this JsonRow row, string key) => row.Element.TryGetProperty(key, out JsonElement value)
        ? value
        : throw new RecordFault(
            $"no key '{key}'; {(NameDistance.Nearest(key, row.Columns) is { } near ? $"nearest: '{near}'" : $"keys found: {string.Join(", ", row.Columns)}")}");

    /// <summary>The value of a key. Null: there is none, or it is null.</summary>
    public static JsonElement? Optional(this JsonElement element, string key) =>
        element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A short text as messages quote it: at most 40 characters, none of them a control character.</summary>
    public static string Quoted(string text)
    {
        string shown = text.Length <= LongestQuote ? text : text[..LongestQuote] + "...";
        return string.Concat(shown.Select(character => char.IsControl(character) || char.IsSurrogate(character) ? '?' : character));
    }

    /// <summary>A text.</summary>
    /// <param name="value">The value.</param>
    /// <param name="name">What it is, for the message.</param>
    /// <exception cref="RecordFault">It is something else, or no valid text.</exception>
    public static string TextOf(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String) throw new RecordFault($"{name} is {JsonRow.Kind(value)}; a text was expected");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new RecordFault($"{name} holds half a surrogate pair: no valid text");
        }
    }
}
