using Xunit;
using FineTuning.Tasks;
using FineTuning.Testing;

namespace FineTuning.Extensions.Tests.Hosting;

/// <summary>A fake model that waits inside a batch until the test lets it go: lengths of texts, plus a number of its own.</summary>
internal sealed class HeldModel : IPredictor<string, int>, IDisposable
{
    private readonly SemaphoreSlim _entered = new(0), _go = new(0);
    private readonly FakePredictor<string, int> _fake;
    private volatile bool _isFree;

    public HeldModel(int number = 0) => _fake = new(text => text.StartsWith("bad", StringComparison.Ordinal)
        ? throw new FormatException(text) : text.Length + number) { Asked = _ => Hold() };

    public bool IsDisposed { get; private set; }

    public IReadOnlyList<IReadOnlyList<string>> Calls => _fake.Calls;

    /// <summary>Waits until a batch is inside.</summary>
    public Task Entered() => _entered.WaitAsync(TestContext.Current.CancellationToken);

    /// <summary>Lets one batch go.</summary>
    public void LetGo() => _go.Release();

    /// <summary>Holds no batch any more.</summary>
    public void Free()
    {
        _isFree = true;
        _go.Release(1000);
    }

    public int Predict(string input) => _fake.Predict(input);

    public IReadOnlyList<int> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        IReadOnlyList<int> answers = _fake.PredictBatch(inputs, cancellation);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return answers;
    }

    public void Dispose() => IsDisposed = true;

    private void Hold()
    {
        if (_isFree) return;
        _entered.Release();
        _go.Wait();
    }
}
