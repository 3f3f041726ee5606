using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>How long temporaries live.</summary>
internal static class DisposeScopes
{
    /// <summary>Leaves a tensor to another scope than the one it was made in.</summary>
    /// <param name="tensor">What is kept.</param>
    /// <param name="scope">Where it lives on. Null: in no scope; its owner disposes it.</param>
    /// <returns>The tensor.</returns>
    public static Tensor KeptIn(this Tensor tensor, DisposeScope? scope)
    {
        if (scope is null) return tensor.DetachFromDisposeScope();
        // TorchSharp forgets a tensor that is moved to the scope it is in: nobody frees it then, and its finalizer ends the process.
        return scope.Contains(tensor) ? tensor : tensor.MoveToOtherDisposeScope(scope);
    }

    /// <summary>
    /// Computes in a scope of its own and keeps the result alone. What the backward pass needs of the rest stays alive by itself, and is freed as soon as the
    /// pass has used it; what it does not need is freed here and not at the end of the step.
    /// </summary>
    /// <param name="compute">Makes nothing but the result that is used afterwards.</param>
    public static Tensor Within(Func<Tensor> compute)
    {
        DisposeScope? outer = CurrentDisposeScope;
        using DisposeScope own = NewDisposeScope();
        Tensor result = compute();
        // What was there before stays where it is.
        return own.Contains(result) ? result.KeptIn(outer) : result;
    }
}
