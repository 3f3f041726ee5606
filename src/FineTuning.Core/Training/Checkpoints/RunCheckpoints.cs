using System.Diagnostics;
using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>The checkpoints of one run: the state is copied between two steps and written on another thread.</summary>
internal sealed class RunCheckpoints(CheckpointSettings settings) : LoopFeature
{
    private const string ThreadName = "FineTuning.Core checkpoint";

    private Task<CheckpointReport>? _writing;
    private CheckpointLock? _lock;
    private RunFingerprint? _fingerprint;
    private bool _isDue;
    private long _last = -1;

    public override RunState? Restore(RunParts run)
    {
        _lock = settings.Folder is null ? null : CheckpointLock.Take(settings);
        RunState? state = null;
        _fingerprint = RunFingerprint.Of(run);
        if (settings.Origin is not null) (state, _fingerprint) = CheckpointSearch.Find(settings.Origin, run, _fingerprint);
        try
        {
            if (_lock is not null) Prepare(run, state);
        }
        catch
        {
            state?.Dispose();
            throw;
        }
        return state;
    }

    public override void BetweenSteps(RunParts run)
    {
        if (_lock is null) return;
        Collect(run, wait: false);
        _isDue |= run.Record.Steps % settings.Every == 0;
        // What is written still is not waited for: the next step asks again.
        if (_isDue && _writing is null) Write(run);
        if (settings.Waits) Collect(run, wait: true);
    }

    public override void End(RunParts run)
    {
        if (_lock is null) return;
        Collect(run, wait: true);
        // A state that led to infinite numbers must not push out the ones before it.
        if (!run.IsBetweenSteps || run.Record.Failure is DivergedException || run.Record.Steps == _last || run.Record.Steps == 0) return;
        Write(run);
        Collect(run, wait: true);
    }

    public override void Dispose()
    {
        // Where the run failed before its end.
        _writing?.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        _lock?.Dispose();
        base.Dispose();
    }

    private void Prepare(RunParts run, RunState? state)
    {
        // Of a fork, what has trained before it is in its checkpoints too.
        HashSet<string> written = [.. run.Trained.Select(weight => weight.Name), .. state?.TrainedNames ?? []];
        if (written.Count > run.Trained.Count)
            _fingerprint = _fingerprint! with { Frozen = WeightHash.Of(run.Model.Weights, weight => !written.Contains(weight.Name)).Some };
        _fingerprint!.Remember(run.Model.Weights.Identity, settings.Folder!);
        var folder = new CheckpointFolder(settings.Folder!, settings.Disk);
        folder.Sweep();
        if (settings.IsOrigin(settings.Folder!) && state is not null)
            (_last, run.Record.Checkpoint) = (state.Counters.Steps, folder.PathOf(state.Counters.Steps));
        CheckpointSpace.Require(settings, run, folder.Steps().Count);
    }

    private void Write(RunParts run)
    {
        long started = Stopwatch.GetTimestamp(), step = run.Record.Steps;
        string target = new CheckpointFolder(settings.Folder!, settings.Disk).PathOf(step);
        (_isDue, _last) = (false, step);
        RunState state;
        try
        {
            state = run.Export();
        }
        catch (Exception failure) when (failure is OutOfMemoryException or System.Runtime.InteropServices.ExternalException)
        {
            Note(run, new(step, target, Stopwatch.GetElapsedTime(started)) { Problem = $"there is no memory for a copy of the state: {failure.Message}" });
            return;
        }
        CheckpointScore? score = run.Record.LastEvaluation is { } evaluation && evaluation.Step == step
            ? new(run.Record.Metric, evaluation.Metrics[run.Record.Metric], run.Direction == Metrics.MetricDirection.Higher) : null;
        TimeSpan delay = Stopwatch.GetElapsedTime(started);
        RunFingerprint fingerprint = _fingerprint!;
        _writing = DedicatedThread.Start(ThreadName, () => Write(state, fingerprint, score, target, delay));
    }

    private CheckpointReport Write(RunState state, RunFingerprint fingerprint, CheckpointScore? score, string target, TimeSpan delay)
    {
        using RunState own = state;
        long started = Stopwatch.GetTimestamp(), step = state.Counters.Steps, bytes = 0;
        string? problem = null;
        try
        {
            var folder = new CheckpointFolder(settings.Folder!, settings.Disk);
            bytes = folder.Write(step, score, StateFiles.Of(state, fingerprint));
            folder.Prune(step, settings.KeepLast, settings.KeepBest);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            problem = failure.Message;
        }
        return new(step, target, delay) { Bytes = bytes, Writing = Stopwatch.GetElapsedTime(started), Problem = problem };
    }

    private void Collect(RunParts run, bool wait)
    {
        if (_writing is not { } writing || (!wait && !writing.IsCompleted)) return;
        _writing = null;
        Note(run, writing.GetAwaiter().GetResult());
    }

    private static void Note(RunParts run, CheckpointReport report)
    {
        if (report.Bytes > 0) run.Record.Checkpoint = report.Folder;
        if (report.Problem is not null)
        {
            run.Record.Warn(report.Bytes > 0 ? $"after the checkpoint of step {report.Step} an older one could not be deleted: {report.Problem}"
                : $"the checkpoint of step {report.Step} could not be written: {report.Problem}; the run went on, and the checkpoints before it are whole");
        }
        run.Record.Tell(report);
    }
}
