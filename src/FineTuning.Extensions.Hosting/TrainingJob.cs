using System.Diagnostics.CodeAnalysis;
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
[SuppressMessage("Design", "CA1001", Justification = "The source has no timer and no wait handle: there is nothing to free, and Cancel may come at any time.")]
public sealed class TrainingJob
{
    private readonly TaskCompletionSource<TrainingResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _hostStops;
    private readonly Func<TrainingJob, CancellationToken, Task<TrainingResult>> _run;
    private volatile TrainingProgress? _progress;
    private volatile bool _hasBegun;

    internal TrainingJob(string name, Func<TrainingJob, CancellationToken, Task<TrainingResult>> run, CancellationToken hostStops) =>
        (Name, _run, _hostStops) = (name, run, hostStops);

    /// <summary>By which it was started.</summary>
    public string Name { get; }

    /// <summary>Where it is.</summary>
    public TrainingStatus Status => Completion.Status switch
    {
        TaskStatus.RanToCompletion => TrainingStatus.Completed,
        TaskStatus.Faulted => TrainingStatus.Failed,
        TaskStatus.Canceled => TrainingStatus.Cancelled,
        _ => _hasBegun ? TrainingStatus.Running : TrainingStatus.Waiting,
    };

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
        // For as long as it runs and no longer: the host outlives the job and its data.
        using CancellationTokenRegistration atHostStop = _hostStops.Register(_stop.Cancel);
        try
        {
            _stop.Token.ThrowIfCancellationRequested();
            _hasBegun = true;
            _completion.TrySetResult(await _run(this, _stop.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            _completion.TrySetCanceled(_stop.Token);
        }
        catch (Exception failure)
        {
            _completion.TrySetException(failure);
        }
    }
}
