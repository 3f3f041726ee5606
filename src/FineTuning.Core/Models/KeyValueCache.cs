using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Keys and values of the tokens that a decoder has read, layer by layer; tokens that follow are appended.</summary>
/// <remarks>
/// A pass appends to every layer once and then counts its tokens. What stands in the cache before the first pass is seen by every token as if it had been
/// read (a shared prompt, the learned vectors of prefix tuning, which may carry gradients). A layer's temporaries end with it: what an implementation keeps
/// beyond a call it detaches from the dispose scope. For one thread; the caller disposes it.
/// </remarks>
internal abstract class KeyValueCache : IDisposable
{
    /// <summary>Tokens a row that are in the cache.</summary>
    public abstract long Length { get; }

    /// <summary>Appends keys and values of a layer and gives all, those of earlier tokens first.</summary>
    /// <param name="layer">From 0 for the lowest layer.</param>
    /// <param name="keys">[batch, key heads, tokens, width]; positions are turned in already.</param>
    /// <param name="values">[batch, key heads, tokens, width]</param>
    /// <returns>[batch, key heads, cached tokens + tokens, width], twice</returns>
    public abstract (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values);

    /// <summary>Keys and values of the encoder's states for a layer, which are the same in every pass.</summary>
    /// <param name="layer">From 0 for the lowest layer.</param>
    /// <param name="make">Computes them in the first pass.</param>
    public abstract (Tensor Keys, Tensor Values) Cross(int layer, Func<(Tensor Keys, Tensor Values)> make);

    /// <summary>Called after the highest layer: the tokens count as read.</summary>
    /// <param name="tokens">Tokens a row.</param>
    public abstract void Advance(long tokens);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the tensors.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected abstract void Dispose(bool disposing);
}
