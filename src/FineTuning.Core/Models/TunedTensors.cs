using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Which tensors hold what steps of a run have made of them; who keeps a copy and puts it back takes the mark along.</summary>
/// <remarks>
/// It is the tensor that is marked and not the weight: a joined set shows a tensor under another name, and an adapter puts one in another's place. Thread-safe.
/// </remarks>
internal static class TunedTensors
{
    private static readonly ConditionalWeakTable<Tensor, object> Marks = [];

    /// <summary>Whether it is marked.</summary>
    public static bool Contains(Tensor tensor) => Marks.TryGetValue(tensor, out _);

    /// <summary>Marks it, or takes the mark away.</summary>
    public static void Set(Tensor tensor, bool isTuned)
    {
        if (isTuned) Marks.TryAdd(tensor, Marks);
        else Marks.Remove(tensor);
    }
}
