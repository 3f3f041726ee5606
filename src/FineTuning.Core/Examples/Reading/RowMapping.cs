namespace FineTuning.Examples;

/// <summary>From rows of a file to examples, by the names of columns. For anything else, map with a lambda: <c>rows.Select(row => ...)</c>.</summary>
public static class RowMapping
{
    /// <summary>Labelled texts.</summary>
    /// <typeparam name="TLabel">An enum (by name), string, bool or integer.</typeparam>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="text">The column of the text; without a header its index, from 0.</param>
    /// <param name="label">The column of the label.</param>
    /// <param name="pair">The column of the second text. Null: there is none.</param>
    /// <param name="weight">The column of the example's weight. Null: all count 1.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a column is missing or a value does not fit; file and line are named.</exception>
    public static IEnumerable<LabeledText<TLabel>> LabeledTexts<TLabel>(
        this IEnumerable<Row> rows, string text = "text", string label = "label", string? pair = null, string? weight = null)
        where TLabel : notnull
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(label);
        var kinds = new LabelKind(label);
        return rows.Select((given, index) =>
        {
            Row row = Present(given, index);
            kinds.Check(row);
            return new LabeledText<TLabel>(row[text], Checked(row, label, row.Value<TLabel>(label)))
                { Pair = Optional(row, pair), Weight = weight is null ? 1 : row.Value<double>(weight) };
        });
    }

    /// <summary>Texts with any number of labels in one column.</summary>
    /// <typeparam name="TLabel">An enum (by name), string, bool or integer.</typeparam>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="text">The column of the text.</param>
    /// <param name="labels">The column of the labels. Empty: none. A JSON list, or labels with a separator between them.</param>
    /// <param name="separator">What stands between two labels that are no list.</param>
    /// <param name="pair">The column of the second text. Null: there is none.</param>
    public static IEnumerable<MultiLabeledText<TLabel>> MultiLabeledTexts<TLabel>(
        this IEnumerable<Row> rows, string text = "text", string labels = "labels", char separator = ';', string? pair = null)
        where TLabel : notnull
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(labels);
        return rows.Select((given, index) =>
        {
            Row row = Present(given, index);
            return new MultiLabeledText<TLabel>(row[text], [.. row.Items(labels, separator).Select(name => Parsed<TLabel>(row, labels, name))])
                { Pair = Optional(row, pair) };
        });
    }

    /// <summary>Texts with a number.</summary>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="text">The column of the text.</param>
    /// <param name="score">The column of the number.</param>
    /// <param name="pair">The column of the second text. Null: there is none.</param>
    public static IEnumerable<ScoredText> ScoredTexts(this IEnumerable<Row> rows, string text = "text", string score = "score", string? pair = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(score);
        return rows.Select((given, index) =>
        {
            Row row = Present(given, index);
            return new ScoredText(row[text], row.Value<double>(score)) { Pair = Optional(row, pair) };
        });
    }

    internal static Row Present(Row? row, int index) => row ?? throw new Errors.TrainingDataException($"row {index} (from 0) is null; leave it out");

    private static TLabel Parsed<TLabel>(Row row, string column, string name)
        where TLabel : notnull =>
        ValueParser.TryParse(name, out TLabel value, out string expected) ? Checked(row, column, value)
            : throw row.Problem($"'{column}' holds '{MessageText.Of(name)}'; expected {expected}");

    /// <summary>A label of nothing, or one with a mark that nobody sees, would be a class of its own.</summary>
    private static TLabel Checked<TLabel>(Row row, string column, TLabel label)
    {
        if (label is not string name) return label;
        if (string.IsNullOrWhiteSpace(name)) throw row.Problem($"'{column}' is empty; give the row a label, or remove it");
        if (name.Contains('\uFEFF', StringComparison.Ordinal))
            throw row.Problem(
                $"'{column}' holds a byte order mark (U+FEFF), which nobody sees: '{MessageText.Of(name)}' would be a label of its own; remove the mark");
        return label;
    }

    private static string? Optional(Row row, string? column) => column is null ? null : row[column];

    /// <summary>A label that is a number on one line and a text on another is a mistake in the data, not something to convert.</summary>
    private sealed class LabelKind(string label)
    {
        private string? _kind;
        private int _line;

        public void Check(Row row)
        {
            if (row is not JsonRow json) return;
            string kind = JsonRow.Kind(json.Find(label));
            if (_kind is null) (_kind, _line) = (kind, row.Line);
            else if (_kind != kind) throw row.Problem($"'{label}' is {kind}; it was {_kind} on line {_line}");
        }
    }
}
