using FineTuning.Errors;
using FineTuning.Extensions.Hosting;
using FineTuning.Testing;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace FineTuning.Extensions.Tests.Hosting;

/// <summary>What waits is computed together; who leaves or is late is not computed at all.</summary>
public sealed class MicroBatchTests
{
    private readonly HeldModel _model = new();
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private async Task<ServedModel<string, int>> Serve(Action<ServedModelOptions>? configure = null)
    {
        var options = new ServedModelOptions { Folder = "model" };
        configure?.Invoke(options);
        var served = new ServedModel<string, int>("lengths", options, _ => _model, _time);
        await served.LoadAsync(Stop);
        return served;
    }

    // The first request is inside the model, and what comes now waits.
    private async Task<Task<int>> Occupy(ServedModel<string, int> served)
    {
        Task<int> first = served.PredictAsync("first", cancellation: Stop);
        await _model.Entered();
        return first;
    }

    private string Calls() => string.Join('|', _model.Calls.Select(call => string.Join(',', call)));

    [Fact]
    public async Task What_waits_is_computed_together()
    {
        await using ServedModel<string, int> served = await Serve();
        Task<int> first = await Occupy(served);
        Task<int>[] others = [.. new[] { "a", "bb", "ccc" }.Select(text => served.PredictAsync(text, cancellation: Stop))];
        Assert.Equal(3, served.Waiting);
        _model.Free();
        Assert.Equal(5, await first);
        Assert.Equal((int[])[1, 2, 3], await Task.WhenAll(others));
        Assert.Equal([1, 3], _model.Calls.Select(call => call.Count));
    }

    [Fact]
    public async Task A_batch_has_a_limit()
    {
        await using ServedModel<string, int> served = await Serve(options => options.MaximumBatch = 2);
        Task<int> first = await Occupy(served);
        Task<int>[] others = [.. Enumerable.Range(1, 5).Select(length => served.PredictAsync(new string('a', length), cancellation: Stop))];
        _model.Free();
        Assert.Equal((int[])[1, 2, 3, 4, 5], await Task.WhenAll(others));
        await first;
        Assert.Equal([1, 2, 2, 1], _model.Calls.Select(call => call.Count));
    }

    [Fact]
    public async Task A_full_queue_makes_callers_wait()
    {
        await using ServedModel<string, int> served = await Serve(options => options.QueueCapacity = 2);
        Task<int> first = await Occupy(served);
        Task<int>[] others = [.. Enumerable.Range(1, 4).Select(length => served.PredictAsync(new string('a', length), cancellation: Stop))];
        Assert.Equal(2, served.Waiting);
        using var leaves = new CancellationTokenSource();
        Task<int> impatient = served.PredictAsync("gone", cancellation: leaves.Token);
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        _model.Free();
        Assert.Equal((int[])[1, 2, 3, 4], await Task.WhenAll(others));
        await first;
        Assert.DoesNotContain("gone", _model.Calls.SelectMany(call => call));
    }

    [Fact]
    public async Task A_full_queue_may_refuse()
    {
        await using ServedModel<string, int> served = await Serve(options => (options.QueueCapacity, options.WhenFull) = (1, QueueFullBehavior.Refuse));
        Task<int> first = await Occupy(served), second = served.PredictAsync("a", cancellation: Stop);
        Assert.Contains("QueueCapacity is 1", (await Assert.ThrowsAsync<ModelBusyException>(() => served.PredictAsync("b", cancellation: Stop))).Message, StringComparison.Ordinal);
        _model.Free();
        Assert.Equal((int[])[5, 1], await Task.WhenAll(first, second));
    }

    [Fact]
    public async Task Who_leaves_is_let_go_at_once_and_not_computed()
    {
        await using ServedModel<string, int> served = await Serve();
        using var leaves = new CancellationTokenSource();
        Task<int> inside = served.PredictAsync("inside", cancellation: leaves.Token);
        await _model.Entered();
        Task<int> waits = served.PredictAsync("waits", cancellation: leaves.Token), stays = served.PredictAsync("stays", cancellation: Stop);
        await leaves.CancelAsync();
        // Both end although the model is still inside its batch.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => inside);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
        _model.Free();
        Assert.Equal(5, await stays);
        Assert.Equal("inside|stays", Calls());
    }

    [Fact]
    public async Task Who_is_late_is_told_so_and_not_computed()
    {
        await using ServedModel<string, int> served = await Serve(options => options.Deadline = TimeSpan.FromSeconds(10));
        Task<int> first = await Occupy(served), waits = served.PredictAsync("waits", new PredictionOptions { Deadline = TimeSpan.FromSeconds(1) }, Stop);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Contains("00:00:01", (await Assert.ThrowsAsync<TimeoutException>(() => waits)).Message, StringComparison.Ordinal);
        Assert.False(first.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(9));
        await Assert.ThrowsAsync<TimeoutException>(() => first);
        _model.Free();
        Assert.Equal(4, await served.PredictAsync("next", cancellation: Stop));
        Assert.Equal("first|next", Calls());
    }

    [Fact]
    public async Task The_first_of_a_batch_may_wait_for_others()
    {
        _model.Free();
        await using ServedModel<string, int> served = await Serve(options => (options.BatchDelay, options.MaximumBatch) = (TimeSpan.FromSeconds(1), 3));
        // No time passes: the batch is computed since it is full.
        Assert.Equal((int[])[1, 2, 3], await Task.WhenAll(Enumerable.Range(1, 3).Select(length => served.PredictAsync(new string('a', length), cancellation: Stop))));
        Assert.Equal(3, Assert.Single(_model.Calls).Count);
        Task<int> alone = served.PredictAsync("alone", cancellation: Stop);
        while (!alone.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.Equal(5, await alone);
    }

    [Fact]
    public async Task One_that_cannot_be_answered_is_no_reason_to_refuse_the_others()
    {
        await using ServedModel<string, int> served = await Serve();
        Task<int> first = await Occupy(served), good = served.PredictAsync("good", cancellation: Stop), bad = served.PredictAsync("bad text", cancellation: Stop);
        _model.Free();
        Assert.Equal((int[])[5, 4], await Task.WhenAll(first, good));
        Assert.Equal("bad text", (await Assert.ThrowsAsync<FormatException>(() => bad)).Message);
    }

    [Theory]
    [InlineData(QueueFullBehavior.Wait)]
    [InlineData(QueueFullBehavior.Refuse)]
    public async Task What_waits_is_answered_before_the_end_and_nobody_comes_later(QueueFullBehavior whenFull)
    {
        ServedModel<string, int> served = await Serve(options => options.WhenFull = whenFull);
        Task<int> first = await Occupy(served), waits = served.PredictAsync("waits", cancellation: Stop);
        ValueTask ends = served.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => served.PredictAsync("late", cancellation: Stop));
        Assert.False(_model.IsDisposed);
        _model.Free();
        await ends;
        Assert.Equal((int[])[5, 5], await Task.WhenAll(first, waits));
        Assert.True(_model.IsDisposed);
        Assert.Throws<ObjectDisposedException>(() => served.PredictBatch(["later"], Stop));
    }

    [Fact]
    public async Task It_is_a_predictor_for_callers_that_block()
    {
        _model.Free();
        await using ServedModel<string, int> served = await Serve();
        string[] inputs = ["aaaaa", "b", "cc"];
        FineTuneAssert.BatchInvariant(served, inputs);
        FineTuneAssert.ConcurrencyInvariant(served, inputs, threads: 8);
    }

    [Fact]
    public void All_that_is_wrong_with_options_is_said_at_once()
    {
        var options = new ServedModelOptions { MaximumBatch = 0, QueueCapacity = 0, WhenFull = (QueueFullBehavior)7, BatchDelay = TimeSpan.FromMinutes(1), Deadline = TimeSpan.Zero, Concurrency = 0 };
        options.Adapters["support"] = "";
        InvalidOptionsException found = Assert.Throws<InvalidOptionsException>(() => new ServedModel<string, int>("x", options, _ => _model));
        Assert.All(new[] { "Folder", "MaximumBatch", "QueueCapacity", "WhenFull", "BatchDelay", "Deadline", "Concurrency", "support" },
            name => Assert.Contains(name, found.Message, StringComparison.Ordinal));
    }
}
