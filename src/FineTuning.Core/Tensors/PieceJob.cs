namespace FineTuning.Tensors;

/// <summary>
/// A loop whose pieces may run on several threads: on the caller's, and on threads of the pool that are free. A thread that begins late finds nothing left,
/// so that the caller waits only for pieces that have begun. Which thread runs a piece changes no number.
/// </summary>
internal abstract class PieceJob : IThreadPoolWorkItem
{
    private const int PiecesPerThread = 4;

    private int _length;
    private int _piece;
    private int _next;
    private int _done;

    /// <summary>Runs all of it and returns when it is done.</summary>
    /// <param name="length">The loop's length.</param>
    /// <param name="threads">How many threads may take part; 1: the caller's alone.</param>
    /// <remarks>Once for each object: a thread that begins late may still look at it.</remarks>
    public void Run(int length, int threads)
    {
        if (threads <= 1 || length <= 1)
        {
            RunPiece(0, length);
            return;
        }
        _piece = Math.Max(1, length / (threads * PiecesPerThread));
        _length = length;
        for (int helper = 1; helper < threads; helper++) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        TakePieces();
        var wait = new SpinWait();
        while (Volatile.Read(ref _done) < length) wait.SpinOnce(-1);
    }

    void IThreadPoolWorkItem.Execute() => TakePieces();

    /// <summary>One piece; it throws nothing.</summary>
    /// <param name="start">The first index.</param>
    /// <param name="end">Behind the last.</param>
    protected abstract void RunPiece(int start, int end);

    private void TakePieces()
    {
        while (true)
        {
            int start = Interlocked.Add(ref _next, _piece) - _piece;
            if (start >= _length) return;
            int end = Math.Min(_length, start + _piece);
            RunPiece(start, end);
            Interlocked.Add(ref _done, end - start);
        }
    }
}
