using System.Diagnostics;
using System.Threading.Channels;
using FineTuning.Adapters;

namespace FineTuning.Extensions.Hosting;

/// <summary>A bounded queue of requests, and threads that take what waits and compute it together.</summary>
internal sealed class MicroBatcher<TInput, TPrediction>
{
    private readonly Channel<PredictionRequest<TInput, TPrediction>> _queue;
    private readonly ServedModelOptions _options;
    private readonly Func<ModelLease<TInput, TPrediction>> _enter;
    private readonly Telemetry _telemetry;
    private readonly TimeProvider _time;
    private readonly Task _ended;
    private volatile bool _isComplete;

    /// <param name="options">Validated.</param>
    /// <param name="enter">Gives the model, entered; it fails where there is none.</param>
    /// <param name="telemetry">Told of each batch. It asks for <see cref="Waiting"/>.</param>
    /// <param name="time">All time.</param>
    public MicroBatcher(ServedModelOptions options, Func<ModelLease<TInput, TPrediction>> enter, Func<Func<int>, Telemetry> telemetry, TimeProvider time)
    {
        (_options, _enter, _time) = (options, enter, time);
        _queue = Channel.CreateBounded<PredictionRequest<TInput, TPrediction>>(new BoundedChannelOptions(options.QueueCapacity));
        _telemetry = telemetry(() => Waiting);
        _ended = Task.WhenAll(Enumerable.Range(0, options.Concurrency).Select(_ => Start()));
    }

    public int Waiting => _queue.Reader.Count;

    public Telemetry Telemetry => _telemetry;

    /// <summary>Puts a request into the queue.</summary>
    /// <exception cref="ModelBusyException">The queue is full, and the options say that nobody waits.</exception>
    /// <exception cref="ChannelClosedException">The model is no longer served.</exception>
    public ValueTask Enqueue(PredictionRequest<TInput, TPrediction> request, CancellationToken cancellation)
    {
        if (_queue.Writer.TryWrite(request)) return ValueTask.CompletedTask;
        if (_options.WhenFull == QueueFullBehavior.Wait || _isComplete) return _queue.Writer.WriteAsync(request, cancellation);
        throw new ModelBusyException(
            $"{_queue.Reader.Count} requests wait for the model, and QueueCapacity is {_options.QueueCapacity}: ask again later, or serve it on more machines");
    }

    /// <summary>Takes no more requests, and ends when those that wait are answered.</summary>
    public Task Complete()
    {
        _isComplete = true;
        _queue.Writer.TryComplete();
        return _ended;
    }

    private Task Start()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                Serve();
                ended.SetResult();
            }
            catch (Exception failure)
            {
                ended.SetException(failure);
            }
        }) { IsBackground = true, Name = "FineTuning predictions" }.Start();
        return ended.Task;
    }

    private void Serve()
    {
        var batch = new List<PredictionRequest<TInput, TPrediction>>(_options.MaximumBatch);
        while (Wait())
        {
            batch.Clear();
            Fill(batch);
            if (batch.Count > 0 && batch.Count < _options.MaximumBatch && _options.BatchDelay > TimeSpan.Zero) Linger(batch);
            if (batch.Count > 0) Compute(batch);
        }
    }

    private bool Wait() => _queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult();

    private void Fill(List<PredictionRequest<TInput, TPrediction>> batch)
    {
        while (batch.Count < _options.MaximumBatch && _queue.Reader.TryRead(out PredictionRequest<TInput, TPrediction>? request))
        {
            // Its caller has gone, or its deadline is over: nothing is computed for it.
            if (!request.IsOver) batch.Add(request);
        }
    }

    // The first of the batch waits for others.
    private void Linger(List<PredictionRequest<TInput, TPrediction>> batch)
    {
        Task over = Task.Delay(_options.BatchDelay, _time);
        while (batch.Count < _options.MaximumBatch)
        {
            Task<bool> more = _queue.Reader.WaitToReadAsync().AsTask();
            Task.WhenAny(over, more).GetAwaiter().GetResult();
            if (over.IsCompleted || !more.GetAwaiter().GetResult()) return;
            Fill(batch);
        }
    }

    private void Compute(List<PredictionRequest<TInput, TPrediction>> batch)
    {
        foreach (PredictionRequest<TInput, TPrediction> request in batch) _telemetry.Waited(_time.GetElapsedTime(request.Enqueued));
        using Activity? activity = _telemetry.BeginBatch(batch.Count, batch.Select(request => request.Caller));
        try
        {
            IReadOnlyList<TPrediction> answers = Answers(batch);
            for (int i = 0; i < batch.Count; i++) batch[i].Succeed(answers[i]);
        }
        catch (Exception failure)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure.Message);
            // One request that cannot be answered is no reason to refuse the others.
            foreach (PredictionRequest<TInput, TPrediction> request in batch)
            {
                if (batch.Count == 1) request.Fail(failure);
                else if (!request.IsOver) Alone(request);
            }
        }
    }

    private void Alone(PredictionRequest<TInput, TPrediction> request)
    {
        try
        {
            request.Succeed(Answers([request])[0]);
        }
        catch (Exception failure)
        {
            request.Fail(failure);
        }
    }

    private IReadOnlyList<TPrediction> Answers(List<PredictionRequest<TInput, TPrediction>> batch)
    {
        ModelLease<TInput, TPrediction> lease = _enter();
        try
        {
            TInput[] inputs = [.. batch.Select(request => request.Input)];
            if (batch.TrueForAll(request => request.Adapter is null)) return lease.Model.PredictBatch(inputs);
            ModelAdapters adapters = lease.Adapters ?? throw new InvalidOperationException($"{lease.Model.GetType().Name} takes no adapters");
            return adapters.Route([.. batch.Select(request => request.Adapter)], () => lease.Model.PredictBatch(inputs));
        }
        finally
        {
            lease.Leave();
        }
    }
}
