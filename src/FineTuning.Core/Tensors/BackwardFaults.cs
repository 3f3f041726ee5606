using System.Runtime.ExceptionServices;

namespace FineTuning.Tensors;

/// <summary>
/// What went wrong in the backward part of a function of our own. An exception there ends the process, since it would cross native frames; it is kept here and
/// thrown once the backward pass is over.
/// </summary>
/// <remarks>For one backward pass at a time on the calling thread; on CUDA the functions run on a thread of libtorch,
/// so the first fault of the process is kept.</remarks>
internal static class BackwardFaults
{
    private static Exception? _first;

    /// <summary>Keeps a fault; only the first counts.</summary>
    public static void Keep(Exception fault) => Interlocked.CompareExchange(ref _first, fault, null);

    /// <summary>Forgets what was kept: the backward pass has ended otherwise.</summary>
    public static void Forget() => Interlocked.Exchange(ref _first, null);

    /// <summary>Throws what was kept, as it was thrown, and forgets it.</summary>
    public static void ThrowKept()
    {
        if (Interlocked.Exchange(ref _first, null) is { } fault) ExceptionDispatchInfo.Throw(fault);
    }
}
