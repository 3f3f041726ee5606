using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Weights in another type, kept from one pass to the next: text is written token by token, and a cast reads more memory than a token does.</summary>
/// <param name="weights">What they are casts of; where these have changed, the casts are made anew.</param>
/// <remarks>For one thread; the caller disposes it.</remarks>
internal sealed class WeightCasts(WeightSet weights) : IDisposable
{
    private readonly Dictionary<Tensor, Tensor> _casts = new(ReferenceEqualityComparer.Instance);
    private int _changes = weights.Gate.Changes;

    /// <summary>A weight's tensor in a type, always the same one.</summary>
    /// <returns>The shape of the tensor; it lives until this is disposed or the weights change.</returns>
    public Tensor Of(Tensor value, ScalarType type)
    {
        if (_changes != weights.Gate.Changes)
        {
            Dispose();
            _changes = weights.Gate.Changes;
        }
        if (!_casts.TryGetValue(value, out Tensor? cast)) _casts[value] = cast = value.to(type).DetachFromDisposeScope();
        return cast;
    }

    public void Dispose()
    {
        foreach (Tensor cast in _casts.Values) cast.Dispose();
        _casts.Clear();
    }
}
