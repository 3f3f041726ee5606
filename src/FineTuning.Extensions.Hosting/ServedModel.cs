using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using FineTuning.Tasks;

namespace FineTuning.Extensions.Hosting;

/// <summary>
/// A model in a service: requests of many callers are computed together, the model is exchanged while they go on, and one request may ask for an adapter.
/// </summary>
/// <typeparam name="TInput">What is asked.</typeparam>
/// <typeparam name="TPrediction">What is answered.</typeparam>
/// <remarks>Thread-safe. The container that made it disposes it: no more requests are taken, those that wait are answered, and the model is freed.</remarks>
public sealed class ServedModel<TInput, TPrediction> : IPredictor<TInput, TPrediction>, IAsyncDisposable, IDisposable
{
    private readonly string _name;
    private readonly ServedModelOptions _options;
    private readonly Func<string, IPredictor<TInput, TPrediction>> _load;
    private readonly TimeProvider _time;
    private readonly MicroBatcher<TInput, TPrediction> _batcher;
    private readonly SemaphoreSlim _changes = new(1, 1);
    private readonly Dictionary<string, string> _adapters;
    private volatile ModelLease<TInput, TPrediction>? _current;
    private volatile Exception? _problem;
    private volatile bool _isDisposed;

    /// <summary>Creates a served model, which loads nothing yet.</summary>
    /// <param name="name">By which telemetry names it.</param>
    /// <param name="options">Copied nowhere: no longer changed from here on.</param>
    /// <param name="load">Loads the model of a folder; this disposes it where it is disposable.</param>
    /// <param name="time">All time; null: the system's.</param>
    /// <param name="meters">Makes the meter; null: a meter of its own.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range; all are listed.</exception>
    public ServedModel(string name, ServedModelOptions options, Func<string, IPredictor<TInput, TPrediction>> load, TimeProvider? time = null,
        IMeterFactory? meters = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(load);
        if (options.Violations() is { Count: > 0 } violations) throw new Errors.InvalidOptionsException(violations);
        (_name, _options, _load, _time) = (name, options, load, time ?? TimeProvider.System);
        _adapters = new(options.Adapters, StringComparer.Ordinal);
        _batcher = new(options, Enter, waiting => new Telemetry(name, meters, waiting), _time);
    }

    /// <summary>The folder of the model that answers; null: none is loaded yet.</summary>
    public string? Folder => _current?.Folder;

    /// <summary>How many requests wait.</summary>
    public int Waiting => _batcher.Waiting;

    internal int Capacity => _options.QueueCapacity;

    /// <summary>What went wrong with the last load or swap; null: nothing.</summary>
    internal Exception? Problem => _problem;

    internal bool IsDisposed => _isDisposed;

    /// <summary>Loads the model of the options' folder, where none is loaded yet.</summary>
    /// <param name="cancellation">Ends the waiting for another load.</param>
    public async Task LoadAsync(CancellationToken cancellation = default)
    {
        if (_current is null) await ReplaceAsync(_options.Folder, onlyFirst: true, cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Loads another folder beside the model that answers, lets it answer from then on, and frees the old model when its last caller has left. Where the
    /// new folder cannot be loaded, the old model goes on.
    /// </summary>
    /// <param name="folder">The new folder.</param>
    /// <param name="cancellation">Ends the waiting before the exchange, not the load itself.</param>
    /// <returns>Ends when the old model is freed.</returns>
    public async Task SwapAsync(string folder, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Task? gone = await ReplaceAsync(folder, onlyFirst: false, cancellation).ConfigureAwait(false);
        if (gone is not null) await gone.ConfigureAwait(false);
    }

    /// <summary>Loads an adapter, for requests that ask for it by name; it is loaded again after a swap.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="folder">As PEFT or the library wrote it.</param>
    /// <param name="cancellation">Ends the waiting for a load.</param>
    /// <exception cref="InvalidOperationException">The model takes no adapters.</exception>
    public async Task LoadAdapterAsync(string name, string folder, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        await LoadAsync(cancellation).ConfigureAwait(false);
        await _changes.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            ModelLease<TInput, TPrediction> lease = Enter();
            try
            {
                await Task.Run(() => Attach(lease, name, folder), CancellationToken.None).ConfigureAwait(false);
                _adapters[name] = folder;
            }
            finally
            {
                lease.Leave();
            }
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>The answer to one input, computed together with those of others who ask at the time.</summary>
    /// <param name="input">What is asked.</param>
    /// <param name="options">Adapter and deadline; null: none, and the model's own.</param>
    /// <param name="cancellation">Lets the caller go at once; what is computed already is dropped.</param>
    /// <exception cref="ModelBusyException">The queue is full, and the model's options say that nobody waits.</exception>
    /// <exception cref="TimeoutException">The deadline is over.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model is no longer served.</exception>
    public async Task<TPrediction> PredictAsync(TInput input, PredictionOptions? options = null, CancellationToken cancellation = default)
    {
        long started = _time.GetTimestamp();
        using Activity? activity = _batcher.Telemetry.BeginRequest();
        try
        {
            TPrediction answer = await AskAsync(input, options ?? new(), started, activity?.Context ?? default, cancellation).ConfigureAwait(false);
            _batcher.Telemetry.Ended(_time.GetElapsedTime(started), null);
            return answer;
        }
        catch (Exception failure)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure.Message);
            _batcher.Telemetry.Ended(_time.GetElapsedTime(started), failure);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Blocks; in a service <see cref="PredictAsync"/> does not.</remarks>
    public TPrediction Predict(TInput input) => PredictAsync(input).GetAwaiter().GetResult();

    /// <inheritdoc/>
    /// <remarks>What is a batch already does not wait for others: it goes to the model at once, on the calling thread.</remarks>
    public IReadOnlyList<TPrediction> PredictBatch(IReadOnlyList<TInput> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        LoadAsync(cancellation).GetAwaiter().GetResult();
        ModelLease<TInput, TPrediction> lease = Enter();
        try
        {
            return lease.Model.PredictBatch(inputs, cancellation);
        }
        finally
        {
            lease.Leave();
        }
    }

    /// <summary>Takes no more requests, answers those that wait, and frees the model.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        await _batcher.Complete().ConfigureAwait(false);
        // A load that is under way finds that it comes too late.
        await _changes.WaitAsync().ConfigureAwait(false);
        ModelLease<TInput, TPrediction>? last = _current;
        _changes.Release();
        last?.Retire();
        if (last is not null) await last.Gone.ConfigureAwait(false);
        _batcher.Telemetry.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<TPrediction> AskAsync(TInput input, PredictionOptions options, long started, ActivityContext caller, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (options.Deadline is { } own && own <= TimeSpan.Zero) throw new ArgumentException($"Deadline is {own}: it is above 0", nameof(options));
        TimeSpan? deadline = options.Deadline ?? _options.Deadline;
        await LoadAsync(cancellation).ConfigureAwait(false);
        var request = new PredictionRequest<TInput, TPrediction>(input, options.Adapter, started, caller);
        TimeoutException Late() =>
            new($"the model '{_name}' has not answered within {deadline}: {Waiting} requests wait; give more time, or ask fewer at once");
        using CancellationTokenSource? due = deadline is { } time ? new CancellationTokenSource(time, _time) : null;
        using CancellationTokenSource? either = due is null ? null : CancellationTokenSource.CreateLinkedTokenSource(cancellation, due.Token);
        using CancellationTokenRegistration atDeadline = due?.Token.Register(() => request.Fail(Late())) ?? default;
        using CancellationTokenRegistration atCancellation = cancellation.Register(() => request.Cancel(cancellation));
        try
        {
            await _batcher.Enqueue(request, either?.Token ?? cancellation).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw Disposed();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Late();
        }
        return await request.Answer.ConfigureAwait(false);
    }

    private ModelLease<TInput, TPrediction> Enter()
    {
        while (true)
        {
            ModelLease<TInput, TPrediction> lease = _current
                ?? throw new InvalidOperationException($"the model '{_name}' is not loaded: {_problem?.Message ?? "call LoadAsync"}");
            // One that was retired in between has a successor, unless all is over.
            if (lease.TryEnter()) return lease;
            if (ReferenceEquals(lease, _current)) throw Disposed();
        }
    }

    private async Task<Task?> ReplaceAsync(string folder, bool onlyFirst, CancellationToken cancellation)
    {
        await _changes.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_isDisposed) throw Disposed();
            if (onlyFirst && _current is not null) return null;
            ModelLease<TInput, TPrediction> next = await Task.Run(() => Load(folder), CancellationToken.None).ConfigureAwait(false);
            ModelLease<TInput, TPrediction>? last = _current;
            (_current, _problem) = (next, null);
            if (!onlyFirst) _batcher.Telemetry.Swapped(null);
            last?.Retire();
            return last?.Gone;
        }
        catch (Exception failure) when (failure is not ObjectDisposedException)
        {
            _problem = failure;
            if (!onlyFirst) _batcher.Telemetry.Swapped(failure);
            throw;
        }
        finally
        {
            _changes.Release();
        }
    }

    private ModelLease<TInput, TPrediction> Load(string folder)
    {
        IPredictor<TInput, TPrediction> model = _load(folder)
            ?? throw new InvalidOperationException($"the loader of the model '{_name}' gave null for '{folder}'");
        var lease = new ModelLease<TInput, TPrediction>(model, folder);
        try
        {
            foreach ((string name, string adapter) in _adapters) Attach(lease, name, adapter);
            return lease;
        }
        catch
        {
            lease.Retire();
            throw;
        }
    }

    private static void Attach(ModelLease<TInput, TPrediction> lease, string name, string folder) =>
        (lease.Adapters ?? throw new InvalidOperationException($"{lease.Model.GetType().Name} takes no adapters")).Load(folder, name, use: false);

    private ObjectDisposedException Disposed() => new(_name, $"the model '{_name}' is no longer served");
}
