namespace FineTuning.Models;

/// <summary>Layers that are computed again in the backward pass instead of kept, and how many were.</summary>
/// <param name="depths">The depths of their weights.</param>
internal sealed class RecomputedLayers(IReadOnlySet<int> depths)
{
    /// <summary>How often a layer's insides were left to be computed again: none in a model that is not built of this library's layers.</summary>
    public long Count { get; private set; }

    /// <summary>The depths of their weights.</summary>
    public IReadOnlySet<int> Depths => depths;

    /// <summary>Whether a layer is one of them.</summary>
    public bool Contains(int depth) => depths.Contains(depth);

    /// <summary>Counts a layer.</summary>
    public void Add() => Count++;
}
