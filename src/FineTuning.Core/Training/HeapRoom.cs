using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>
/// Gives freed memory back to the system before a batch that is larger than all before it: the allocator keeps what smaller ones left behind, and little of
/// it has the sizes that the larger one needs.
/// </summary>
/// <remarks>Of n batches in random order about ln n are larger than all before them, so that giving back costs nothing that could be measured.</remarks>
internal sealed class HeapRoom
{
    private long _largest;

    /// <param name="tokens">Of the batch that comes, padding included.</param>
    public void Before(long tokens)
    {
        if (tokens <= _largest) return;
        _largest = tokens;
        ProcessMemory.Trim();
    }
}
