using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>Sources and targets from rows of any file.</summary>
public static class SourceTargetMapping
{
    /// <summary>Sources and targets by the names of their columns.</summary>
    /// <param name="rows">The rows of a CSV, TSV or JSON file; streamed.</param>
    /// <param name="source">The column of the source. In JSON, <c>translation.en</c> is the key <c>en</c> of the object under <c>translation</c>.</param>
    /// <param name="target">The column of the target.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a column is missing or no text,
    /// or a target is empty; file and line are named.</exception>
    public static IEnumerable<SourceTarget> SourceTargets(this IEnumerable<Row> rows, string source = "source", string target = "target")
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        return rows.Select((given, index) =>
        {
            Row row = RowMapping.Present(given, index);
            string written = Text(row, target);
            return written.Length > 0 ? new SourceTarget(Text(row, source), written) : throw row.Problem($"'{target}' is empty: nothing to learn");
        });
    }

    private static string Text(Row row, string column)
    {
        int dot = column.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || row is not JsonRow json || json.Element.TryGetProperty(column, out _)) return row[column];
        (string outer, string inner) = (column[..dot], column[(dot + 1)..]);
        JsonElement nested = json.Find(outer);
        if (nested.ValueKind != JsonValueKind.Object) throw row.Problem($"'{outer}' is {JsonRow.Kind(nested)}; an object with the key '{inner}' was expected");
        if (!nested.TryGetProperty(inner, out JsonElement value))
        {
            throw row.Problem($"no key '{inner}' in '{outer}'; keys found: {string.Join(", ", nested.EnumerateObject().Select(pair => pair.Name))}");
        }
        try
        {
            return RecordValues.TextOf(value, $"'{column}'");
        }
        catch (RecordFault fault)
        {
            throw row.Problem(fault.Message);
        }
    }
}
