using FineTuning.Batching;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>Reads the data of a run: encoded under its clock, and told as its progress.</summary>
/// <param name="observer">Told how many examples are encoded.</param>
/// <param name="clock">Once its time is up, no more is read.</param>
/// <param name="stop">Ends the reading.</param>
internal sealed class RunData(RunObserver observer, RunClock clock, CancellationToken stop)
{
    private long _encoded;

    /// <summary>Rows to learn from.</summary>
    /// <param name="model">Encodes.</param>
    /// <param name="data">Read once.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="mostRows">After so many rows no more are read, where the number of rows is unknown. Null: all are read.</param>
    public RowSet Train<TExample>(TunableModel<TExample> model, IEnumerable<TExample> data, string name = "training data", long? mostRows = null)
    {
        long before = _encoded;
        return RowSet.Encode(model, data, name, Encoded, stop, mostRows, clock.IsUp);

        void Encoded(long count)
        {
            _encoded = before + count;
            observer.Progress?.Invoke(new TrainingProgress { Phase = TrainingPhase.Encoding, ExamplesEncoded = _encoded });
        }
    }

    /// <summary>Rows to evaluate on; null where there is no data, or the time is up before it is begun.</summary>
    public RowSet? Validate<TExample>(TunableModel<TExample> model, IEnumerable<TExample>? data, string name = "validation data") =>
        data is null || clock.IsUp() ? null : RowSet.Encode(model, data, name, null, stop, null, clock.IsUp, evaluates: true);
}
