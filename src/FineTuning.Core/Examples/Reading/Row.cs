using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>A record of a data file, with its file and line for messages.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class Row
{
    private protected Row(string file, int line) => (File, Line) = (file, line);

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The physical line on which the record starts, from 1.</summary>
    public int Line { get; }

    /// <summary>The names of the columns or keys.</summary>
    public abstract IReadOnlyList<string> Columns { get; }

    /// <summary>A value as text, exactly as it stands.</summary>
    /// <param name="column">The column's name; upper and lower case differ.</param>
    /// <exception cref="Errors.TrainingDataException">There is no such column, or its value is no text.</exception>
    public abstract string this[string column] { get; }

    /// <summary>A value as an enum (by name), bool (true, false, 1, 0), integer, floating-point number or string.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="column">The column's name.</param>
    /// <exception cref="Errors.TrainingDataException">There is no such column, or its value is no <typeparamref name="T"/>:
    /// the message lists what is allowed.</exception>
    public T Value<T>(string column)
        where T : notnull
    {
        string text = Scalar(column);
        return ValueParser.TryParse(text, out T value, out string expected) ? value
            : throw Problem($"'{column}' is '{MessageText.Of(text)}'; expected {expected}{Advice}");
    }

    /// <summary>An error about this record: what was found, what was expected, what to do.</summary>
    /// <param name="message">File and line are added.</param>
    public Errors.TrainingDataException Problem(string message) =>
        message is null ? throw new ArgumentNullException(nameof(message)) : new(new DataProblem(File, Line, MessageText.Message(message), true).ToString());

    /// <summary>Whether the record has a value of that name.</summary>
    /// <param name="column">The column's name.</param>
    public abstract bool Has(string column);

    /// <summary>Several texts in one value: a JSON list, or texts with a separator between them.</summary>
    /// <param name="column">The column's name.</param>
    /// <param name="separator">What stands between two texts.</param>
    internal virtual IReadOnlyList<string> Items(string column, char separator)
    {
        string text = this[column].Trim();
        if (!text.StartsWith('[') || !text.EndsWith(']')) return text.Split(separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return Items(document.RootElement, column);
        }
        catch (JsonException)
        {
            throw Problem(
                $"'{column}' is '{MessageText.Of(text)}', in brackets but no JSON list (JSON has double quotes); write [\"a\", \"b\"], or a{separator}b");
        }
    }

    /// <summary>The texts, numbers and truth values of a JSON list.</summary>
    private protected IReadOnlyList<string> Items(JsonElement list, string column)
    {
        var items = new List<string>();
        foreach (JsonElement item in list.EnumerateArray())
        {
            if (item.ValueKind is JsonValueKind.Array or JsonValueKind.Object or JsonValueKind.Null)
                throw Problem($"'{column}' holds {JsonRow.Kind(item)}; expected a list of texts, numbers or truth values");
            if (item.ValueKind == JsonValueKind.String && !JsonChecks.IsText(item)) throw Problem($"'{column}' holds half a surrogate pair: no valid text");
            items.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText());
        }
        return items;
    }

    /// <summary>What a message about a value adds, where the way of reading may be at fault.</summary>
    private protected virtual string Advice => "";

    /// <summary>A text, number or truth value as text.</summary>
    private protected abstract string Scalar(string column);

    private protected static string Missing(string column, IReadOnlyList<string> columns)
    {
        string? nearest = columns.FirstOrDefault(other => string.Equals(other.Trim(), column.Trim(), StringComparison.OrdinalIgnoreCase));
        string found = columns.Count == 0 ? "there are none" : nearest is null ? $"columns found: {MessageText.List(columns)}"
            : $"nearest: '{MessageText.Of(nearest)}'";
        string advice = columns.Count == 1 && nearest is null ? "; there is one column only: the file seems to have another separator" : "";
        return $"no column '{MessageText.Of(column)}'; {found}{advice}";
    }
}
