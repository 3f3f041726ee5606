namespace FineTuning.Models;

/// <summary>The right of one run to write weights: asked for before the data is read, used from the first step to the last.</summary>
/// <remarks>Registered on any thread; begun and disposed on the run's own.</remarks>
internal sealed class RunPass : IDisposable
{
    private readonly WeightSet _trained;
    private readonly CancellationTokenSource _stop = new();
    private volatile HashSet<nint>? _written;
    private volatile int _thread;
    private volatile bool _writing;

    private RunPass(WeightSet trained) => _trained = trained;

    /// <summary>Cancelled where the weights are being disposed or the process exits.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Whether readers are refused.</summary>
    public bool IsWriting => _writing;

    /// <summary>Whether the calling thread is the run's.</summary>
    public bool IsOwnThread => _thread == Environment.CurrentManagedThreadId;

    /// <summary>Registers a run: a second one is refused from now on, readers are not yet.</summary>
    /// <param name="weights">What it trains.</param>
    /// <exception cref="InvalidOperationException">Another run trains the weights.</exception>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    public static RunPass Register(WeightSet weights)
    {
        var run = new RunPass(weights);
        weights.Gate.Accept(run, weights);
        return run;
    }

    /// <summary>Takes the weights for this thread: who reads one of them is refused from now on, who is inside is waited for.</summary>
    /// <param name="written">Those that train at some time of the run.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public void Begin(IEnumerable<Weight> written, CancellationToken cancellation)
    {
        _written = [.. written.Select(weight => weight.Value.Handle)];
        _thread = Environment.CurrentManagedThreadId;
        _trained.Gate.BeginWriting(cancellation);
        _writing = true;
    }

    /// <summary>Waits for those who are inside and lets nobody in before it is disposed: who comes waits, since nothing takes long.</summary>
    public void Wait()
    {
        _thread = Environment.CurrentManagedThreadId;
        _trained.Gate.BeginWriting(CancellationToken.None);
    }

    /// <summary>Whether the run writes any of them; before it has begun it writes none.</summary>
    public bool Writes(WeightSet weights) => _written is { } written && weights.Any(weight => written.Contains(weight.Value.Handle));

    /// <summary>Whether the run was registered with that set, or with one that was joined from it.</summary>
    public bool Trains(WeightSet weights) => ReferenceEquals(weights, _trained) || _trained.IsJoinedFrom(weights);

    public void Cancel() => _stop.Cancel();

    public void Dispose() => _trained.Gate.EndRun();
}
