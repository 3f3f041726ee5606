using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>
/// Gives freed memory back to the system before a batch that is half as large again as when it was given back last: the allocator keeps what smaller
/// batches left behind, and little of it has the sizes that the larger one needs.
/// </summary>
/// <remarks>
/// The system clears all that is asked for anew, which costs a tenth of a step's time where it is done at every new largest batch; here a run does it a few
/// times at most.
/// </remarks>
internal sealed class HeapRoom
{
    private long _last;

    /// <param name="tokens">Of the batch that comes, padding included.</param>
    public void Before(long tokens)
    {
        if (2 * tokens <= 3 * _last) return;
        _last = tokens;
        ProcessMemory.Trim();
    }
}
