using FineTuning.Text;

namespace FineTuning.Tasks;

/// <summary>Reads a row that was written by <see cref="EncodedRow.Write"/>.</summary>
internal delegate EncodedRow RowDecoder(ref RowReader reader);

/// <summary>How a model's rows are kept in a file, and all that they depend on besides the examples.</summary>
/// <param name="Read">Reads a row that is trained on.</param>
/// <param name="Tokenizer">It made the ids.</param>
/// <param name="DependsOn">Every other setting that decides what a row holds: numbers, texts, enums and lists of them.</param>
internal sealed record RowFormat(RowDecoder Read, PretrainedTokenizer Tokenizer, params IReadOnlyList<object?> DependsOn)
{
    /// <summary>
    /// Makes the rows of a run one after another, as <see cref="TunableModel.PrepareRows"/> does, without all of them being there at once. By default they are
    /// those that were encoded.
    /// </summary>
    public Func<IEnumerable<EncodedRow>, IEnumerable<EncodedRow>> Arrange { get; init; } = rows => rows;

    /// <summary>
    /// Makes the rows of a run where that needs the lengths of all that were encoded. Those lie in a file meanwhile, and are read when they are asked for.
    /// Null: <see cref="Arrange"/> makes them.
    /// </summary>
    public Func<IReadOnlyList<EncodedRow>, IReadOnlyList<int>, IEnumerable<EncodedRow>>? ArrangeAll { get; init; }
}
