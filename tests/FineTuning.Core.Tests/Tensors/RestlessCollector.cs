namespace FineTuning.Tests.Tensors;

/// <summary>A garbage collector that never rests while this lives: what nothing holds is gone at once.</summary>
internal sealed class RestlessCollector : IDisposable
{
    private readonly Thread _thread;
    private volatile bool _stopped;

    public RestlessCollector()
    {
        _thread = new Thread(Collect);
        _thread.Start();
    }

    public void Dispose()
    {
        _stopped = true;
        _thread.Join();
    }

    private void Collect()
    {
        while (!_stopped)
        {
            GC.Collect(0);
            GC.WaitForPendingFinalizers();
        }
    }
}
