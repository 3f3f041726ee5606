using FineTuning.Errors;
using FineTuning.Tasks;

namespace FineTuning.Batching;

/// <summary>Encodes examples in parallel, some at a time; rows keep the order of the data.</summary>
/// <param name="model">Encodes.</param>
/// <param name="name">What the data is, for messages: training data, validation data.</param>
internal sealed class ExampleEncoder<TExample>(TunableModel<TExample> model, string name)
{
    private const int ExamplesInAChunk = 1024;

    private readonly EncodingReport _report = new();
    private readonly List<WritingCase> _cases = [];
    private bool _anyTarget;

    /// <summary>Told how many examples are encoded, from time to time.</summary>
    public Action<long>? Encoded { get; init; }

    /// <summary>Shown examples in their order before they are encoded, some at a time.</summary>
    public Action<TExample[]>? Seen { get; init; }

    /// <summary>After so many rows no more are read, where the number of rows is unknown. Null: all are read.</summary>
    public long? MostRows { get; init; }

    /// <summary>Asked before every record: once it is true, no more are read. Null: there is no limit.</summary>
    public Func<bool>? IsTimeUp { get; init; }

    /// <summary>Whether the rows are evaluated on, so that cases to write are kept.</summary>
    public bool Evaluates { get; init; }

    /// <summary>Looked at before every record.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>What the model could write in an evaluation.</summary>
    public IReadOnlyList<WritingCase> Cases => _cases;

    /// <summary>How many examples were read.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the time was up before all examples were read.</summary>
    public bool TimeWasUp { get; private set; }

    /// <summary>Whether the data has no further examples.</summary>
    public bool SawEnd { get; private set; }

    /// <summary>The rows as they are encoded: once. Their end is only reached where something can be learned from them.</summary>
    /// <exception cref="TrainingDataException">A record makes the run worthless, or no row is left to learn from; the first such record is named.</exception>
    public IEnumerable<EncodedRow> Rows(IEnumerable<TExample> examples)
    {
        long most = examples.TryGetNonEnumeratedCount(out _) ? long.MaxValue : MostRows ?? long.MaxValue, rows = 0;
        var chunk = new List<TExample>(ExamplesInAChunk);
        using (IEnumerator<TExample> source = Enumerated(examples, name))
        {
            for (bool ended = false; !ended;)
            {
                Cancellation.ThrowIfCancellationRequested();
                TimeWasUp = IsTimeUp?.Invoke() == true;
                bool isFull = rows + chunk.Count >= most;
                if (!TimeWasUp && !isFull) SawEnd = !source.MoveNext();
                ended = TimeWasUp || SawEnd;
                if (!ended && !isFull) chunk.Add(source.Current);
                if (!ended && !isFull && chunk.Count < ExamplesInAChunk) continue;
                if (Count > int.MaxValue - ExamplesInAChunk)
                    throw new TrainingDataException(
                        $"the {name} holds more than {int.MaxValue - ExamplesInAChunk:N0} records; name the Steps of the run, then only their rows are read");
                Seen?.Invoke([.. chunk]);
                foreach (EncodedRow row in Encode([.. chunk]))
                {
                    rows++;
                    yield return row;
                }
                Count += chunk.Count;
                if (chunk.Count > 0) Encoded?.Invoke(Count);
                chunk.Clear();
                // Records that were left out have made room for further ones.
                ended |= rows >= most;
            }
        }
        RequireTargets();
    }

    /// <summary>What happened to the examples.</summary>
    public EncodingSummary Summary() => _report.Summary();

    /// <exception cref="TrainingDataException">It gave none.</exception>
    public static IEnumerator<TExample> Enumerated(IEnumerable<TExample> examples, string name) =>
        examples.GetEnumerator() ?? throw new TrainingDataException($"the {name} gave no enumerator: GetEnumerator returned null");

    private void RequireTargets()
    {
        if (Count == 0 && TimeWasUp)
            throw new TrainingDataException(
                $"the time limit was over before the first record of the {name} came; lengthen TimeLimit, or look at what is slow in reading the data");
        if (Count == 0) throw new TrainingDataException($"the {name} holds no records; at least one is needed");
        if (_anyTarget) return;
        string reasons = string.Join(", ", Summary().Skipped.Select(pair => $"{pair.Key}: {pair.Value}"));
        throw new TrainingDataException($"of the {Count} records of the {name} none has anything to learn{(reasons.Length > 0 ? $" ({reasons})" : "")}");
    }

    private List<EncodedRow> Encode(TExample[] chunk)
    {
        var encoded = new EncodedRow?[chunk.Length];
        var failures = new Exception?[chunk.Length];
        int first = Count;
        Parallel.For(0, chunk.Length, i =>
        {
            try
            {
                encoded[i] = chunk[i] is { } example ? model.Encode(example, _report.At(first + i)) : throw new TrainingDataException("the record is null");
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                // Kept, so that the first record's is thrown: which thread was faster must not decide what the user sees.
                failures[i] = failure;
            }
        });
        var rows = new List<EncodedRow>(chunk.Length);
        for (int i = 0; i < chunk.Length; i++)
        {
            if (failures[i] is TrainingDataException data) throw new TrainingDataException($"record {first + i} of the {name}: {data.Message}", data);
            if (failures[i] is { } failure) throw new TrainingDataException($"record {first + i} of the {name} cannot be encoded: {failure.Message}", failure);
            if (encoded[i] is not { } row) continue;
            row.Index = first + i;
            _anyTarget |= row.TargetCount > 0;
            rows.Add(row);
            if (Evaluates && model.Writes && model.CaseOf(chunk[i]) is { } written) _cases.Add(written);
        }
        return rows;
    }
}
