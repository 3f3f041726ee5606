using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Values from a thread of their own: in order, bounded, and over when nobody wants them.</summary>
public sealed class BackgroundStreamTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Values_come_in_order_from_one_other_thread()
    {
        var threads = new HashSet<int>();
        var values = new List<int>();
        await foreach (int value in BackgroundStream.Run<int>("numbers", (emit, _) =>
        {
            for (int i = 0; i < 1000; i++)
            {
                lock (threads) threads.Add(Environment.CurrentManagedThreadId);
                emit(i);
            }
        }, capacity: 3))
        {
            values.Add(value);
            if (value % 100 == 0) await Task.Yield();
        }
        Assert.Equal(Enumerable.Range(0, 1000), values);
        Assert.Single(threads);
        Assert.DoesNotContain(Environment.CurrentManagedThreadId, threads);
    }

    [Fact]
    public async Task What_the_work_throws_comes_after_what_it_gave()
    {
        var values = new List<int>();
        InvalidDataException failure = await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (int value in BackgroundStream.Run<int>("failing", (emit, _) =>
            {
                emit(1);
                emit(2);
                throw new InvalidDataException("the reason");
            })) values.Add(value);
        });
        Assert.Equal("the reason", failure.Message);
        Assert.Equal([1, 2], values);
    }

    [Fact]
    public void Who_stops_early_goes_on_when_the_work_has_ended()
    {
        using var cleaning = new ManualResetEventSlim();
        using var cleaned = new ManualResetEventSlim();
        bool ended = false, endedBefore = false;
        int emitted = 0;
        async Task Consume()
        {
            await foreach (int value in BackgroundStream.Run<int>("endless", (emit, _) =>
            {
                try
                {
                    for (int i = 0; ; i++)
                    {
                        emit(i);
                        Interlocked.Increment(ref emitted);
                    }
                }
                finally
                {
                    cleaning.Set();
                    cleaned.Wait(CancellationToken.None);
                    Volatile.Write(ref ended, true);
                }
            }, capacity: 2))
            {
                if (value == 5) break;
            }
            endedBefore = Volatile.Read(ref ended);
        }
        var consumer = new Thread(() => Consume().GetAwaiter().GetResult());
        consumer.Start();
        cleaning.Wait(TestContext.Current.CancellationToken);
        // The work still cleans up: whoever stopped waits for it.
        SpinWait.SpinUntil(() => (consumer.ThreadState & (ThreadState.WaitSleepJoin | ThreadState.Stopped)) != 0);
        Assert.True(consumer.IsAlive);
        cleaned.Set();
        consumer.Join();
        Assert.True(endedBefore);
        // No more than was taken, what fits into the queue and the one that waits.
        Assert.InRange(emitted, 6, 10);
    }

    [Fact]
    public async Task Cancelling_ends_the_work_and_the_stream()
    {
        using var cancellation = new CancellationTokenSource();
        var ended = new TaskCompletionSource();
        async Task Consume()
        {
            await foreach (int value in BackgroundStream.Run<int>("cancelled", (emit, stop) =>
            {
                try
                {
                    for (int i = 0; ; i++) emit(i);
                }
                finally
                {
                    if (stop.IsCancellationRequested) ended.SetResult();
                }
            }, capacity: 2, cancellation.Token))
            {
                if (value == 3) await cancellation.CancelAsync();
            }
        }
        await Assert.ThrowsAnyAsync<OperationCanceledException>(Consume);
        await ended.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Cancelling_reaches_a_work_that_emits_nothing()
    {
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        async Task Consume()
        {
            await foreach (int value in BackgroundStream.Run<int>("silent", (_, stop) =>
            {
                stop.WaitHandle.WaitOne(Patience);
                stop.ThrowIfCancellationRequested();
            }, cancellation: cancellation.Token)) Assert.Fail($"{value} was never emitted");
        }
        await Assert.ThrowsAnyAsync<OperationCanceledException>(Consume).WaitAsync(Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Nothing_runs_before_the_first_value_is_asked_for()
    {
        bool started = false;
        _ = BackgroundStream.Run<int>("idle", (_, _) => started = true);
        Assert.False(started);
    }
}
