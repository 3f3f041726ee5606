using System.Globalization;

namespace FineTuning.Examples;

/// <summary>A record of a file of separated values.</summary>
public sealed class DelimitedRow : Row
{
    private readonly ColumnNames? _names;

    internal DelimitedRow(string file, DelimitedRecord record, ColumnNames? names)
        : base(file, record.Line) => (Values, _names) = (record.Values, names);

    /// <summary>The values in order, exactly as they stand.</summary>
    public IReadOnlyList<string> Values { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Columns => _names?.Columns ?? [];

    /// <summary>A value by its index.</summary>
    /// <param name="index">From 0.</param>
    /// <exception cref="Errors.TrainingDataException">The record has fewer values.</exception>
    public string this[int index] => index >= 0 && index < Values.Count ? Values[index]
        : throw Problem($"there is no field {index + 1L}; the record has {Values.Count}");

    /// <inheritdoc/>
    public override string this[string column] => Scalar(column);

    private protected override string Advice => _names is null && Line == 1 ? "; if the first line names the columns, set HasHeader = true" : "";

    /// <inheritdoc/>
    public override bool Has(string column) =>
        _names?.Find(column ?? throw new ArgumentNullException(nameof(column))) is { } index && index >= 0 && index < Values.Count;

    private protected override string Scalar(string column)
    {
        ArgumentNullException.ThrowIfNull(column);
        if (_names is null)
        {
            // Without a header columns are named by their indices, from 0.
            if (int.TryParse(column, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return this[number];
            throw Problem($"there is no column '{MessageText.Of(column)}': the file is read without a header, so columns are named 0, 1, ...; "
                + "if its first line names them, set HasHeader = true");
        }
        int? index = _names.Find(column);
        if (index is null)
            throw new Errors.TrainingDataException(
                new DataProblem(File, 1, $"{Missing(column, Columns)}; if the first line is data, set HasHeader = false", true).ToString());
        if (index < 0)
            throw new Errors.TrainingDataException(
                new DataProblem(File, 1, $"column '{MessageText.Of(column)}' occurs more than once: which one is meant is unknown; "
                    + "rename one of them", true).ToString());
        return this[index.Value];
    }
}
