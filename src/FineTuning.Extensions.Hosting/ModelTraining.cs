using System.Threading.Channels;
using FineTuning.Tasks;
using FineTuning.Training;
using Microsoft.Extensions.Hosting;

namespace FineTuning.Extensions.Hosting;

/// <summary>
/// Trains models in the background of a host, one after the other. A model that answers is not trained: a copy is, which then takes its place
/// (<see cref="ServedModel{TInput, TPrediction}.SwapAsync"/>).
/// </summary>
/// <remarks>Thread-safe. Where the host stops, the run that goes on is cancelled and waited for, and the jobs that wait are cancelled.</remarks>
public sealed class ModelTraining : BackgroundService
{
    private const int MostWaiting = 1000;

    private readonly Channel<TrainingJob> _queue = Channel.CreateBounded<TrainingJob>(MostWaiting);
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Starts a run as soon as those before it have ended.</summary>
    /// <typeparam name="TModel">The model.</typeparam>
    /// <typeparam name="TExample">What it trains on.</typeparam>
    /// <param name="name">The job's name.</param>
    /// <param name="load">Loads the model that is trained; it is disposed when the job has ended.</param>
    /// <param name="data">Read once, when the run begins.</param>
    /// <param name="recipe">How it is trained; null: by the default recipe.</param>
    /// <param name="trained">What is done with the model when the run is completed: saving it, and letting it answer. Null: nothing, and it is lost.</param>
    /// <returns>The job, which waits or runs.</returns>
    /// <exception cref="ModelBusyException">1000 jobs wait.</exception>
    /// <exception cref="ObjectDisposedException">The host stops.</exception>
    public TrainingJob Start<TModel, TExample>(string name, Func<TModel> load, IEnumerable<TExample> data,
        Func<FineTuner<TExample>, FineTuner<TExample>>? recipe = null, Func<TModel, TrainingResult, CancellationToken, Task>? trained = null)
        where TModel : TunableModel<TExample>
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(data);
        ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
        var job = new TrainingJob(name, Run, _stop.Token);
        if (_queue.Writer.TryWrite(job)) return job;
        ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
        throw new ModelBusyException($"{MostWaiting} jobs wait to be trained: start fewer, or wait for some to end");

        async Task<TrainingResult> Run(TrainingJob own, CancellationToken cancellation)
        {
            using TModel model = await Task.Run(load, CancellationToken.None).ConfigureAwait(false);
            FineTuner<TExample> tuner = (recipe ?? (same => same))(FineTuner.For<TExample>(model)).OnProgress(own.Report);
            TrainingResult result = await tuner.TrainAsync(data, cancellation: cancellation).ConfigureAwait(false);
            // A run that was cancelled has a result, but not the one that was asked for.
            cancellation.ThrowIfCancellationRequested();
            if (trained is not null) await trained(model, result, cancellation).ConfigureAwait(false);
            return result;
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // In this order: who finds the queue closed finds why.
        await _stop.CancelAsync().ConfigureAwait(false);
        _queue.Writer.TryComplete();
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _stop.Cancel();
        _queue.Writer.TryComplete();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Also when the host stops, until the queue is empty: each job that is left ends as cancelled.
        await foreach (TrainingJob job in _queue.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false)) await job.RunAsync().ConfigureAwait(false);
    }
}
