using FineTuning.Training;

namespace FineTuning.Extensions.Hosting;

/// <summary>Where a job is.</summary>
public enum TrainingStatus
{
    /// <summary>Others train before it.</summary>
    Waiting,

    /// <summary>It trains.</summary>
    Running,

    /// <summary>It has ended.</summary>
    Completed,

    /// <summary>It failed; <see cref="TrainingJob.Completion"/> says why.</summary>
    Failed,

    /// <summary>It was cancelled, or the host stopped.</summary>
    Cancelled,
}

/// <summary>A run in the background.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class TrainingJob
{
    private readonly TaskCompletionSource<TrainingResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop;
    private readonly Func<TrainingJob, CancellationToken, Task<TrainingResult>> _run;
    private volatile TrainingProgress? _progress;
    private volatile int _status;

    internal TrainingJob(string name, Func<TrainingJob, CancellationToken, Task<TrainingResult>> run, CancellationToken hostStops)
    {
        (Name, _run) = (name, run);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(hostStops);
    }

    /// <summary>By which it was started.</summary>
    public string Name { get; }

    /// <summary>Where it is.</summary>
    public TrainingStatus Status => (TrainingStatus)_status;

    /// <summary>How far the run is; null before it begins.</summary>
    public TrainingProgress? Progress => _progress;

    /// <summary>Told after every step, on the run's thread. What it throws ends the run.</summary>
    public event Action<TrainingProgress>? Progressed;

    /// <summary>Ends when the job has ended, what was to be done with the model included.</summary>
    public Task<TrainingResult> Completion => _completion.Task;

    /// <summary>Ends the run after its step; a job that waits never begins.</summary>
    public void Cancel() => _stop.Cancel();

    internal void Report(TrainingProgress progress)
    {
        _progress = progress;
        Progressed?.Invoke(progress);
    }

    internal async Task RunAsync()
    {
        try
        {
            _stop.Token.ThrowIfCancellationRequested();
            _status = (int)TrainingStatus.Running;
            TrainingResult result = await _run(this, _stop.Token).ConfigureAwait(false);
            _status = (int)TrainingStatus.Completed;
            _completion.TrySetResult(result);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            _status = (int)TrainingStatus.Cancelled;
            _completion.TrySetCanceled(_stop.Token);
        }
        catch (Exception failure)
        {
            _status = (int)TrainingStatus.Failed;
            _completion.TrySetException(failure);
        }
    }
}
