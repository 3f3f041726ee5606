using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Weights in another type, kept from one pass to the next: text is written token by token, and a cast reads more memory than a token does.</summary>
/// <param name="weights">What they are casts of; where a run has changed these, the casts are made anew.</param>
/// <remarks>For one thread; the caller disposes it.</remarks>
internal sealed class WeightCasts(WeightSet weights) : IDisposable
{
    private readonly Dictionary<Weight, (Tensor Of, Tensor Cast)> _casts = [];
    private int _changes = weights.Gate.Changes;

    /// <summary>The weight in a type.</summary>
    /// <returns>The shape of the weight; it lives until this is disposed or the weights change.</returns>
    public Tensor Of(Weight weight, ScalarType type)
    {
        if (_changes != weights.Gate.Changes)
        {
            Dispose();
            _changes = weights.Gate.Changes;
        }
        if (_casts.TryGetValue(weight, out (Tensor Of, Tensor Cast) known))
        {
            if (ReferenceEquals(known.Of, weight.Value)) return known.Cast;
            known.Cast.Dispose();
        }
        Tensor cast = weight.Value.to(type).DetachFromDisposeScope();
        _casts[weight] = (weight.Value, cast);
        return cast;
    }

    public void Dispose()
    {
        foreach ((_, Tensor cast) in _casts.Values) cast.Dispose();
        _casts.Clear();
    }
}
