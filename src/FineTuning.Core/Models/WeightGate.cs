using System.Runtime.CompilerServices;
using FineTuning.Tensors;

namespace FineTuning.Models;

/// <summary>
/// Who may touch the tensors of a trunk and of the heads on it: any number of readers at once, or one run that writes; disposal waits for all of them.
/// </summary>
/// <remarks>Thread-safe. A reader costs two atomic additions; a reader inside another on the same thread costs nothing.</remarks>
internal sealed class WeightGate
{
    // The flags stand above the number of readers in one word, so that a reader asks and enters in one step.
    private const int Writing = 1 << 28, Closed = 1 << 29, Exiting = 1 << 30, Flags = Writing | Closed | Exiting;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly ConditionalWeakTable<WeightGate, object> Gates = [];
    private static int _exitThread;

    [ThreadStatic]
    private static WeightGate? _inside;

    private readonly object _changes = new();
    private int _state;
    private RunPass? _run;
    private int _writers;

    static WeightGate() => AppDomain.CurrentDomain.ProcessExit += (_, _) => EndAll(TimeSpan.FromSeconds(5));

    public WeightGate()
    {
        Gates.Add(this, this);
        if (_exitThread != 0) _state = Exiting;
    }

    /// <summary>
    /// How often somebody was let in who writes: what was computed from the weights before is not what they give now. Whoever reads sees one number.
    /// </summary>
    public int Changes => Volatile.Read(ref _writers);

    /// <summary>Whether the trunk's weights are freed, and with them all that heads compute.</summary>
    public bool IsClosed => (Volatile.Read(ref _state) & Closed) != 0;

    /// <summary>Whether the calling thread's own run writes: nobody else is inside.</summary>
    public bool IsOwnRun => _run is { IsOwnThread: true, IsWriting: true };

    private bool HasReaders => (Volatile.Read(ref _state) & ~Flags) != 0;

    /// <summary>Enters as a reader.</summary>
    /// <param name="reads">What is read: a run that writes none of it does not mind.</param>
    /// <exception cref="InvalidOperationException">A run writes what would be read, or the process is exiting.</exception>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    public WeightPass Enter(WeightSet reads)
    {
        FineTuningRuntime.Settle();
        WeightGate? outer = _inside;
        if (ReferenceEquals(outer, this)) return default;
        reads.AddReader();
        try
        {
            if (reads.IsClosed) throw Disposed();
            while ((Interlocked.Increment(ref _state) & Flags) != 0 && !MayStay(reads))
            {
            }
        }
        catch
        {
            reads.RemoveReader();
            throw;
        }
        _inside = this;
        return new(this, outer, reads);
    }

    public void Leave(WeightGate? outer, WeightSet reads)
    {
        _inside = outer;
        reads.RemoveReader();
        StepOut();
        if (reads.IsClosed) Pulse();
    }

    /// <summary>Knows of a run from now on, which owns its pass; see <see cref="RunPass.Register"/>.</summary>
    public void Accept(RunPass run, WeightSet weights)
    {
        lock (_changes)
        {
            if (weights.IsClosed) throw Disposed();
            ThrowIfOver();
            if (_run is not null)
                throw new InvalidOperationException("another run trains this model: wait for its end, or train a copy of the model loaded for itself");
            _run = run;
        }
    }

    /// <summary>Lets the run write: readers that would read what it writes are refused from now on, and those inside are waited for.</summary>
    public void BeginWriting(CancellationToken cancellation)
    {
        FineTuningRuntime.Settle();
        Interlocked.Or(ref _state, Writing);
        lock (_changes)
        {
            while (HasReaders)
            {
                cancellation.ThrowIfCancellationRequested();
                Monitor.Wait(_changes, Look);
            }
            // Not before the last reader is gone: what it has made is of the weights as they were.
            _writers++;
        }
        _inside = this;
    }

    public void EndRun()
    {
        if (ReferenceEquals(_inside, this)) _inside = null;
        lock (_changes)
        {
            Interlocked.And(ref _state, ~Writing);
            _run = null;
            Monitor.PulseAll(_changes);
        }
    }

    /// <summary>Refuses all who come, ends a run, and waits for the last who is inside.</summary>
    public void Close()
    {
        Interlocked.Or(ref _state, Closed);
        Await(() => true);
    }

    /// <summary>Waits for those who read one closed set of several behind the gate, and ends a run that trains it; the others go on.</summary>
    public void Drain(WeightSet closed)
    {
        if (_run is { } run && run.Trains(closed)) run.Cancel();
        lock (_changes)
        {
            while (closed.HasReaders || (_run is { } other && other.Trains(closed))) Monitor.Wait(_changes, Look);
        }
    }

    /// <exception cref="InvalidOperationException">The calling thread is inside itself: what it would free is in use.</exception>
    public void RequireOutside()
    {
        if (!ReferenceEquals(_inside, this) && _run is not { IsOwnThread: true }) return;
        throw new InvalidOperationException("the model cannot be disposed from inside its own run or prediction: dispose it when that has returned");
    }

    // At the end of the process native libraries are torn down while background threads go on: nothing may compute by then.
    private static void EndAll(TimeSpan limit)
    {
        _exitThread = Environment.CurrentManagedThreadId;
        long start = Environment.TickCount64;
        WeightGate[] gates = [.. Gates.Select(pair => pair.Key)];
        foreach (WeightGate gate in gates)
        {
            Interlocked.Or(ref gate._state, Exiting);
            gate._run?.Cancel();
        }
        foreach (WeightGate gate in gates)
        {
            // Who calls for the exit from inside a run or a prediction cannot be waited for.
            if (!ReferenceEquals(_inside, gate)) gate.Await(() => Environment.TickCount64 - start < limit.TotalMilliseconds);
        }
    }

    private void Await(Func<bool> goesOn)
    {
        _run?.Cancel();
        lock (_changes)
        {
            while ((HasReaders || _run is not null) && goesOn()) Monitor.Wait(_changes, Look);
        }
    }

    // Called where a flag is set: true where the reader stays, counted; false where it is to ask again.
    private bool MayStay(WeightSet reads)
    {
        RunPass? run = _run;
        int flags = Volatile.Read(ref _state) & Flags;
        if ((flags & (Closed | Exiting)) == 0)
        {
            if (run is null || run.IsOwnThread) return true;
            if (!run.Writes(reads))
            {
                if (run.IsWriting) return true;
                // The run still waits for readers: one that it would not mind comes back when it writes, so that it need not wait forever.
                StepOut();
                lock (_changes) Monitor.Wait(_changes, Look);
                return false;
            }
        }
        StepOut();
        ThrowIfOver();
        throw new InvalidOperationException("a run trains this model: predict when it has ended, or with a copy of the model loaded for itself");
    }

    private void ThrowIfOver()
    {
        int state = Volatile.Read(ref _state);
        if ((state & Closed) != 0) throw Disposed();
        if ((state & Exiting) == 0) return;
        // An exception on a background thread would end the process with an error of its own: such a thread just stops here.
        if (Environment.CurrentManagedThreadId != _exitThread) Thread.Sleep(Timeout.Infinite);
        throw new InvalidOperationException("the process is exiting: nothing can be computed any more");
    }

    public static ObjectDisposedException Disposed() => new("model", "the model has been disposed: load it again");

    private void StepOut()
    {
        if ((Interlocked.Decrement(ref _state) & Flags) != 0) Pulse();
    }

    private void Pulse()
    {
        lock (_changes) Monitor.PulseAll(_changes);
    }
}
