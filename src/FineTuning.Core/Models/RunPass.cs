namespace FineTuning.Models;

/// <summary>The right of one run to write weights: asked for before the data is read, used from the first step to the last.</summary>
/// <remarks>Registered on any thread; begun and disposed on the run's own.</remarks>
internal sealed class RunPass(WeightGate gate, WeightSet trained) : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private volatile HashSet<nint>? _written;
    private volatile int _thread;
    private volatile bool _writing;

    /// <summary>Cancelled where the weights are being disposed or the process exits.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Whether readers are refused.</summary>
    public bool IsWriting => _writing;

    /// <summary>Whether the calling thread is the run's.</summary>
    public bool IsOwnThread => _thread == Environment.CurrentManagedThreadId;

    /// <summary>Takes the weights for this thread: who reads one of them is refused from now on, who is inside is waited for.</summary>
    /// <param name="written">Those that train at some time of the run.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public void Begin(IEnumerable<Weight> written, CancellationToken cancellation)
    {
        _written = [.. written.Select(weight => weight.Value.Handle)];
        _thread = Environment.CurrentManagedThreadId;
        gate.BeginWriting(cancellation);
        _writing = true;
    }

    /// <summary>Waits for those who are inside and lets nobody in before it is disposed: who comes waits, since nothing takes long.</summary>
    public void Wait()
    {
        _thread = Environment.CurrentManagedThreadId;
        gate.BeginWriting(CancellationToken.None);
    }

    /// <summary>Whether the run writes any of them; before it has begun it writes none.</summary>
    public bool Writes(WeightSet weights) => _written is { } written && weights.Any(weight => written.Contains(weight.Value.Handle));

    /// <summary>Whether the run was registered with that set.</summary>
    public bool Trains(WeightSet weights) => ReferenceEquals(weights, trained);

    public void Cancel() => _stop.Cancel();

    public void Dispose() => gate.EndRun();
}
