using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Tasks;

namespace FineTuning.Batching;

/// <summary>Encoded examples in the order of the data.</summary>
internal sealed class RowSet
{
    private const int ExamplesInAChunk = 1024;

    private RowSet(
        IReadOnlyList<EncodedRow> rows, EncodingSummary report, IReadOnlyList<WritingCase> cases, Func<BatchRules, IEpochPlan>? plan = null)
    {
        Rows = rows;
        Cases = cases;
        Report = report;
        Lengths = [.. rows.Select(row => row.Length)];
        Plan = plan ?? (rules => new EpochPlan(Lengths, rules));
    }

    public IReadOnlyList<EncodedRow> Rows { get; }

    public IReadOnlyList<int> Lengths { get; }

    /// <summary>What the model could write in an evaluation, in the order of the data; empty where it writes nothing.</summary>
    public IReadOnlyList<WritingCase> Cases { get; }

    /// <summary>What happened to the examples.</summary>
    public EncodingSummary Report { get; }

    /// <summary>How the rows are put into batches.</summary>
    public Func<BatchRules, IEpochPlan> Plan { get; private init; }

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
        var report = new EncodingReport();
        var rows = new List<EncodedRow>();
        List<WritingCase>? cases = evaluates && model.Writes ? [] : null;
        long most = examples.TryGetNonEnumeratedCount(out _) ? long.MaxValue : mostRows ?? long.MaxValue;
        int index = 0;
        bool timeIsUp = false;
        var chunk = new List<TExample>(ExamplesInAChunk);
        using (IEnumerator<TExample> source = Enumerated(examples, name))
        {
            for (bool ended = false; !ended;)
            {
                cancellation.ThrowIfCancellationRequested();
                timeIsUp = isTimeUp?.Invoke() == true;
                bool isFull = rows.Count + chunk.Count >= most;
                ended = timeIsUp || (!isFull && !source.MoveNext());
                if (!ended && !isFull) chunk.Add(source.Current);
                if (!ended && !isFull && chunk.Count < ExamplesInAChunk) continue;
                if (index > int.MaxValue - ExamplesInAChunk)
                    throw new TrainingDataException(
                        $"the {name} holds more than {int.MaxValue - ExamplesInAChunk:N0} records; name the Steps of the run, then only their rows are read");
                EncodeChunk(model, [.. chunk], index, name, rows, cases, report);
                index += chunk.Count;
                if (chunk.Count > 0) encoded?.Invoke(index);
                chunk.Clear();
                // Records that were left out have made room for further ones.
                ended |= rows.Count >= most;
            }
        }
        if (index == 0 && timeIsUp)
            throw new TrainingDataException(
                $"the time limit was over before the first record of the {name} came; lengthen TimeLimit, or look at what is slow in reading the data");
        if (index == 0) throw new TrainingDataException($"the {name} holds no records; at least one is needed");
        if (rows.All(row => row.TargetCount <= 0))
        {
            string reasons = string.Join(", ", report.Summary().Skipped.Select(pair => $"{pair.Key}: {pair.Value}"));
            throw new TrainingDataException($"of the {index} records of the {name} none has anything to learn{(reasons.Length > 0 ? $" ({reasons})" : "")}");
        }
        return new(model.PrepareRows(rows), report.Summary(), cases ?? []);
    }

    private static IEnumerator<TExample> Enumerated<TExample>(IEnumerable<TExample> examples, string name) =>
        examples.GetEnumerator() ?? throw new TrainingDataException($"the {name} gave no enumerator: GetEnumerator returned null");

    private static void EncodeChunk<TExample>(TunableModel<TExample> model, TExample[] chunk, int first, string name,
        List<EncodedRow> rows, List<WritingCase>? cases, EncodingReport report)
    {
        var encoded = new EncodedRow?[chunk.Length];
        var failures = new Exception?[chunk.Length];
        Parallel.For(0, chunk.Length, i =>
        {
            try
            {
                encoded[i] = chunk[i] is { } example ? model.Encode(example, report.At(first + i)) : throw new TrainingDataException("the record is null");
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                // Kept, so that the first record's is thrown: which thread was faster must not decide what the user sees.
                failures[i] = failure;
            }
        });
        for (int i = 0; i < chunk.Length; i++)
        {
            if (failures[i] is TrainingDataException data) throw new TrainingDataException($"record {first + i} of the {name}: {data.Message}", data);
            if (failures[i] is { } failure) throw new TrainingDataException($"record {first + i} of the {name} cannot be encoded: {failure.Message}", failure);
            if (encoded[i] is not { } row) continue;
            row.Index = first + i;
            rows.Add(row);
            if (cases is not null && model.CaseOf(chunk[i]) is { } written) cases.Add(written);
        }
    }
}
