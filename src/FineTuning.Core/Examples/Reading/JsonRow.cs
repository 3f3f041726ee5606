using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>An object of a JSON or JSON lines file.</summary>
public sealed class JsonRow : Row
{
    private readonly Lazy<IReadOnlyList<string>> _columns;

    internal JsonRow(string file, int line, JsonElement element)
        : base(file, line)
    {
        Element = element;
        _columns = new(() => [.. element.EnumerateObject().Select(pair => pair.Name).Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>The object itself; where a key occurs twice, the last counts.</summary>
    public JsonElement Element { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Columns => _columns.Value;

    /// <inheritdoc/>
    public override string this[string column]
    {
        get
        {
            JsonElement value = Find(column);
            return value.ValueKind == JsonValueKind.String ? Text(value, column) : throw Problem($"'{column}' is {Kind(value)}; expected a text");
        }
    }

    /// <inheritdoc/>
    public override bool Has(string column) =>
        Element.TryGetProperty(column ?? throw new ArgumentNullException(nameof(column)), out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    internal JsonElement Find(string column)
    {
        ArgumentNullException.ThrowIfNull(column);
        return Element.TryGetProperty(column, out JsonElement value) ? value
            : throw Problem(Missing(column, Columns).Replace("no column", "no key", StringComparison.Ordinal));
    }

    internal static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a truth value",
        _ => "null",
    };

    private protected override string Scalar(string column)
    {
        JsonElement value = Find(column);
        return value.ValueKind switch
        {
            JsonValueKind.String => Text(value, column),
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            JsonValueKind.Array =>
                throw Problem($"'{column}' is a list; expected a text, number or truth value (several labels of a text are read by MultiLabeledTexts)"),
            _ => throw Problem($"'{column}' is {Kind(value)}; expected a text, number or truth value"),
        };
    }

    internal override IReadOnlyList<string> Items(string column, char separator)
    {
        JsonElement value = Find(column);
        if (value.ValueKind == JsonValueKind.Null) throw Problem($"'{column}' is null; an empty list stands for none");
        return value.ValueKind == JsonValueKind.Array ? Items(value, column)
            : value.ValueKind == JsonValueKind.String ? base.Items(column, separator) : [Scalar(column)];
    }

    private string Text(JsonElement value, string column)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException failure)
        {
            throw new Errors.TrainingDataException(
                new DataProblem(File, Line, $"'{column}' holds half a surrogate pair: no valid text", true).ToString(), failure);
        }
    }
}
