using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace FineTuning.Generation;

/// <summary>Hands out what a thread of its own makes: torch's scopes and gradient mode belong to a thread, and an iterator may go on on any.</summary>
internal static class BackgroundStream
{
    /// <summary>Runs the work on a new thread and gives what it emits, in order.</summary>
    /// <param name="name">The thread's name.</param>
    /// <param name="work">
    /// Emits values. Emitting waits while nobody takes them, and throws once nobody will. Between two values it looks at the token.
    /// </param>
    /// <param name="capacity">How many values may wait to be taken.</param>
    /// <param name="cancellation">Ends the work early.</param>
    /// <remarks>
    /// The thread starts with the first value that is asked for. Who stops early ends the work, and goes on when it has ended: what it used can be disposed
    /// then. What the work throws is thrown where the next value would come.
    /// </remarks>
    public static async IAsyncEnumerable<T> Run<T>(
        string name, Action<Action<T>, CancellationToken> work, int capacity = 64, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<T> channel = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { SingleReader = true, SingleWriter = true });
        Task ended = Start(name, work, channel.Writer, stop.Token);
        try
        {
            // The writer completes the channel in every case. Cancelling the read itself would not wait for it.
            await foreach (T value in channel.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                cancellation.ThrowIfCancellationRequested();
                yield return value;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ended.ConfigureAwait(false);
        }
    }

    private static Task Start<T>(string name, Action<Action<T>, CancellationToken> work, ChannelWriter<T> writer, CancellationToken stop)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Emit(T value)
        {
            while (!writer.TryWrite(value)) writer.WaitToWriteAsync(stop).AsTask().GetAwaiter().GetResult();
            stop.ThrowIfCancellationRequested();
        }
        void Produce()
        {
            Exception? failure = null;
            try
            {
                stop.ThrowIfCancellationRequested();
                work(Emit, stop);
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }
            writer.Complete(failure);
            ended.SetResult();
        }
        new Thread(Produce) { IsBackground = true, Name = name }.Start();
        return ended.Task;
    }
}
