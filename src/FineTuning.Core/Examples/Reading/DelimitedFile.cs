using System.Collections;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>Comma-separated values; see <see cref="DelimitedFile"/>.</summary>
public static class Csv
{
    /// <summary>Reads a file of comma-separated values (RFC 4180).</summary>
    /// <param name="path">The file; opened again for each enumeration of the rows.</param>
    /// <param name="options">Another separator, no header, an encoding. Null: the defaults.</param>
    public static DelimitedFile Read(string path, DelimitedOptions? options = null) => new(path, options ?? new DelimitedOptions());
}

/// <summary>Tab-separated values; see <see cref="DelimitedFile"/>.</summary>
public static class Tsv
{
    /// <summary>Reads a file of tab-separated values; quotes are data unless the options say otherwise.</summary>
    /// <param name="path">The file; opened again for each enumeration of the rows.</param>
    /// <param name="options">No header, an encoding. Null: the defaults. The separator is a tab whatever they say.</param>
    public static DelimitedFile Read(string path, DelimitedOptions? options = null) =>
        new(path, (options ?? new DelimitedOptions()) with { Separator = '\t' });
}

/// <summary>A file of separated values: its rows, streamed.</summary>
/// <remarks>
/// Immutable; each enumeration opens the file and holds one record at a time. Enumerations may run at once. A pipe can be read once;
/// gzip is unpacked on the way.
/// </remarks>
public sealed class DelimitedFile : IEnumerable<DelimitedRow>
{
    private readonly string _path;
    private readonly DelimitedOptions _options;

    internal DelimitedFile(string path, DelimitedOptions options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (options.Separator is '"' or '\n' or '\r') throw new InvalidOptionsException(["the separator is a quote or a line end: it is another character"]);
        if (options.LongestValue < 1) throw new InvalidOptionsException([$"LongestValue is {options.LongestValue}: it is 1 or more"]);
        (_path, _options) = (path, options);
    }

    /// <summary>The names of the columns; empty without a header.</summary>
    /// <exception cref="TrainingDataException">The file is empty or no text.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public IReadOnlyList<string> Columns()
    {
        if (!_options.HasHeader) return [];
        var problems = new ProblemSink(_path, _options.OnProblem);
        using var source = new TextSource(_path, _options.Encoding, problems);
        return new DelimitedParser(source, _options, problems).Read()?.Values ?? [];
    }

    /// <inheritdoc/>
    public IEnumerator<DelimitedRow> GetEnumerator()
    {
        var problems = new ProblemSink(_path, _options.OnProblem);
        using var source = new TextSource(_path, _options.Encoding, problems);
        var parser = new DelimitedParser(source, _options, problems);
        ColumnNames? names = null;
        if (_options.HasHeader)
        {
            if (parser.Read() is not { } header)
            {
                problems.Error(null, "the file is empty: a header was expected");
                yield break;
            }
            names = new ColumnNames(header.Values);
        }
        bool any = false;
        int? width = names?.Columns.Count;
        while (parser.Read() is { } record)
        {
            any = true;
            if (record.IsEmpty)
            {
                problems.Error(record.Line, $"all {record.Values.Length} fields of the record are empty: "
                    + "a blank row of a spreadsheet, perhaps; remove the row");
                continue;
            }
            width ??= record.Values.Length;
            if (record.Values.Length != width) problems.Error(record.Line, Ragged(record.Values.Length, width.Value, names));
            yield return new DelimitedRow(_path, record, names);
        }
        if (!any) problems.Error(null, "the file holds no records");
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static string Ragged(int found, int expected, ColumnNames? names)
    {
        string fields = $"{found} field{(found == 1 ? "" : "s")} where {(names is null ? "the first record" : "the header")} has {expected}";
        if (names is null) return $"{fields}; a text with an unquoted separator, perhaps, or another Separator";
        return found < expected
            ? $"{fields}; column '{MessageText.Of(names.Columns[found])}' is missing"
            : $"{fields}; usually a text with an unquoted separator: write it in quotes, and where Quotes is false, set it";
    }
}

/// <summary>The columns of a file by name; a name that occurs twice means none.</summary>
internal sealed class ColumnNames
{
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);

    public ColumnNames(string[] columns)
    {
        Columns = columns;
        for (int i = 0; i < columns.Length; i++) _indices[columns[i]] = _indices.ContainsKey(columns[i]) ? -1 : i;
    }

    public IReadOnlyList<string> Columns { get; }

    /// <summary>The index; -1: there are several; null: there is none.</summary>
    public int? Find(string column) => _indices.TryGetValue(column, out int index) ? index : null;
}
