using FineTuning.Errors;
using FineTuning.Tasks;

namespace FineTuning.Batching;

/// <summary>Encoded examples in the order of the data.</summary>
internal sealed class RowSet
{
    private RowSet(IReadOnlyList<EncodedRow> rows, EncodingSummary report, IReadOnlyList<WritingCase> cases, Func<BatchRules, IEpochPlan>? plan = null,
        IReadOnlyList<int>? lengths = null)
    {
        Rows = rows;
        Cases = cases;
        Report = report;
        Lengths = lengths ?? [.. rows.Select(row => row.Length)];
        Plan = plan ?? (rules => new EpochPlan(Lengths, rules));
    }

    /// <summary>The rows. Those that are kept in a file are read when they are asked for: another object each time.</summary>
    public IReadOnlyList<EncodedRow> Rows { get; }

    public IReadOnlyList<int> Lengths { get; }

    /// <summary>What the model could write in an evaluation, in the order of the data; empty where it writes nothing.</summary>
    public IReadOnlyList<WritingCase> Cases { get; }

    /// <summary>What happened to the examples.</summary>
    public EncodingSummary Report { get; }

    /// <summary>How the rows are put into batches.</summary>
    public Func<BatchRules, IEpochPlan> Plan { get; private init; }

    /// <summary>The hash of all that the rows hold. Null: nobody has computed it yet.</summary>
    public string? Hash { get; private init; }

    /// <summary>What a run warns of before it begins. Null: of nothing.</summary>
    public string? Warning { get; private init; }

    /// <summary>Rows that are kept in a file.</summary>
    /// <param name="rows">Read when they are asked for.</param>
    /// <param name="lengths">Of all of them.</param>
    /// <param name="report">What happened to the examples.</param>
    /// <param name="hash">The hash of all that they hold.</param>
    /// <param name="warning">What a run warns of. Null: of nothing.</param>
    public static RowSet Kept(IReadOnlyList<EncodedRow> rows, IReadOnlyList<int> lengths, EncodingSummary report, string hash, string? warning) =>
        new(rows, report, [], null, lengths) { Hash = hash, Warning = warning };

    /// <summary>The rows of several sets as one, in the sets' order, with batches as a plan of its own says.</summary>
    /// <param name="sets">At least one.</param>
    /// <param name="wrap">Makes a row of the whole of the row of a set: the set's index, the row.</param>
    /// <param name="plan">Null: batches may hold rows of several sets.</param>
    /// <param name="report">What happened to the examples of all.</param>
    public static RowSet Join(IReadOnlyList<RowSet> sets, Func<int, EncodedRow, EncodedRow> wrap, EncodingSummary report, Func<BatchRules, IEpochPlan>? plan) =>
        new([.. sets.SelectMany((set, index) => set.Rows.Select(row => wrap(index, row)))], report, [], plan);

    /// <summary>Some of the rows, with the batches of a plain set; what the model could write is left out.</summary>
    /// <param name="indices">Which, in their order.</param>
    public RowSet Part(IReadOnlyList<int> indices) => new([.. indices.Select(index => Rows[index])], Report, []);

    /// <summary>Encodes examples in parallel; rows keep the order of the data.</summary>
    /// <param name="model">Encodes.</param>
    /// <param name="examples">Read once, in order.</param>
    /// <param name="name">What the data is, for messages: training data, validation data.</param>
    /// <param name="encoded">Told how many examples are encoded, from time to time.</param>
    /// <param name="cancellation">Looked at before every record.</param>
    /// <param name="mostRows">After so many rows no more are read, where the number of rows is unknown. Null: all are read.</param>
    /// <param name="isTimeUp">Asked before every record: once it is true, no more are read. Null: there is no limit.</param>
    /// <param name="evaluates">Whether the rows are evaluated on, so that cases to write are kept.</param>
    /// <exception cref="TrainingDataException">A record makes the run worthless, or no row is left to learn from; the first such record is named.</exception>
    public static RowSet Encode<TExample>(
        TunableModel<TExample> model, IEnumerable<TExample> examples, string name, Action<long>? encoded, CancellationToken cancellation,
        long? mostRows = null, Func<bool>? isTimeUp = null, bool evaluates = false)
    {
        var encoder = new ExampleEncoder<TExample>(model, name)
            { Encoded = encoded, Cancellation = cancellation, MostRows = mostRows, IsTimeUp = isTimeUp, Evaluates = evaluates };
        EncodedRow[] rows = [.. encoder.Rows(examples)];
        return new(model.PrepareRows(rows), encoder.Summary(), encoder.Cases);
    }
}
