using FineTuning.Adapters;
using FineTuning.Heads;
using FineTuning.Tasks;

namespace FineTuning.Extensions.Hosting;

/// <summary>A loaded model and those who use it: once it is retired, the last of them disposes it.</summary>
internal sealed class ModelLease<TInput, TPrediction>(IPredictor<TInput, TPrediction> model, string folder)
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _users;
    private bool _isRetired;

    public IPredictor<TInput, TPrediction> Model { get; } = model;

    public string Folder { get; } = folder;

    /// <summary>Ends when the model is disposed.</summary>
    public Task Gone => _gone.Task;

    /// <summary>The adapters on the model; null: it takes none.</summary>
    public ModelAdapters? Adapters { get; } = model switch
    {
        TunableModel tunable => tunable.Adapters,
        SentenceEncoder encoder => encoder.Adapters,
        _ => null,
    };

    /// <summary>Uses the model; false where it is retired, and another one has its place.</summary>
    public bool TryEnter()
    {
        using Lock.Scope alone = _lock.EnterScope();
        if (_isRetired) return false;
        _users++;
        return true;
    }

    public void Leave()
    {
        bool isLast;
        using (_lock.EnterScope()) isLast = --_users == 0 && _isRetired;
        if (isLast) Free();
    }

    /// <summary>Lets nobody in any more.</summary>
    public void Retire()
    {
        bool isFree;
        using (_lock.EnterScope())
        {
            if (_isRetired) return;
            _isRetired = true;
            isFree = _users == 0;
        }
        if (isFree) Free();
    }

    private void Free()
    {
        try
        {
            (Model as IDisposable)?.Dispose();
            _gone.SetResult();
        }
        catch (Exception failure)
        {
            _gone.SetException(failure);
        }
    }
}
