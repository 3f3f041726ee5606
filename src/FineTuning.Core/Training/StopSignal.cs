using System.Runtime.InteropServices;

namespace FineTuning.Training;

/// <summary>
/// Ends a run in order where the process is asked to end (SIGTERM, Ctrl+C): the step is finished, a checkpoint is written, <c>Train</c> returns with
/// <see cref="StopReason.Cancelled"/>. A second signal ends the process at once. For programs without a host; a host's own token does the same.
/// </summary>
/// <remarks>Thread-safe. Dispose it after the run: signals then do what they did before.</remarks>
public sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    private StopSignal() => _registrations =
        [PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle), PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle)];

    /// <summary>Cancelled by the first signal: hand it to <c>Train</c>.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Listens from now on.</summary>
    public static StopSignal Listen() => new();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (_source.IsCancellationRequested) return;
        // The process goes on until its program has returned.
        context.Cancel = true;
        _source.Cancel();
    }
}
