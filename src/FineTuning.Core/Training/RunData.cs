using FineTuning.Batching;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>Reads the data of a run: encoded under its clock, and told as its progress.</summary>
/// <param name="observer">Told how many examples are encoded.</param>
/// <param name="clock">Once its time is up, no more is read.</param>
/// <param name="stop">Ends the reading.</param>
internal sealed class RunData(RunObserver observer, RunClock clock, CancellationToken stop) : IDisposable
{
    private readonly List<IDisposable> _files = [];
    private long _encoded;

    /// <summary>How training rows are kept in a file. Null: they stay in memory.</summary>
    public RowKeeping? Keeping { get; init; }

    /// <summary>Rows to learn from.</summary>
    /// <param name="model">Encodes.</param>
    /// <param name="data">Read once; twice where rows that were kept are of other data.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="mostRows">After so many rows no more are read, where the number of rows is unknown. Null: all are read.</param>
    public RowSet Train<TExample>(TunableModel<TExample> model, IEnumerable<TExample> data, string name = "training data", long? mostRows = null)
    {
        long before = _encoded;
        if (Keeping is null) return RowSet.Encode(model, data, name, Encoded, stop, mostRows, clock.IsUp);
        RowStore<TExample> store = new(Keeping, model, name)
            { Encoded = Encoded, Cancellation = stop, MostRows = mostRows, IsTimeUp = clock.IsUp, Logger = observer.Logger };
        (RowSet rows, IDisposable file) = store.Open(data);
        _files.Add(file);
        return rows;

        void Encoded(long count)
        {
            _encoded = before + count;
            observer.Progress?.Invoke(new TrainingProgress { Phase = TrainingPhase.Encoding, ExamplesEncoded = _encoded });
        }
    }

    /// <summary>Rows to evaluate on; null where there is no data, or the time is up before it is begun.</summary>
    public RowSet? Validate<TExample>(TunableModel<TExample> model, IEnumerable<TExample>? data, string name = "validation data") =>
        data is null || clock.IsUp() ? null : RowSet.Encode(model, data, name, null, stop, null, clock.IsUp, evaluates: true);

    /// <summary>Closes the files that rows are read from.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());
}
