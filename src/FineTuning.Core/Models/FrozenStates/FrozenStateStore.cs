using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>All states that are kept of one trunk, by the hash of what they were computed with.</summary>
/// <remarks>Used by one run at a time.</remarks>
internal sealed class FrozenStateStore : IDisposable
{
    private readonly Dictionary<(StateKind Kind, string Weights, ScalarType Stored), FrozenStateSet> _sets = [];

    /// <summary>What all sets together may take.</summary>
    public StateBudget Budget { get; } = new();

    /// <summary>The sets that there are.</summary>
    public IReadOnlyCollection<FrozenStateSet> Sets => _sets.Values;

    /// <summary>The states of a kind, empty where there are none yet.</summary>
    /// <param name="kind">Which states.</param>
    /// <param name="weights">The hash of the weights below.</param>
    /// <param name="stored">The type in which they are kept.</param>
    public FrozenStateSet Set(StateKind kind, string weights, ScalarType stored)
    {
        if (!_sets.TryGetValue((kind, weights, stored), out FrozenStateSet? set)) _sets[(kind, weights, stored)] = set = new(kind, stored, Budget);
        return set;
    }

    /// <summary>Frees the sets that a condition holds for.</summary>
    public void Drop(Func<FrozenStateSet, string, bool> condition)
    {
        foreach (((StateKind Kind, string Weights, ScalarType Stored) key, FrozenStateSet set) in _sets.ToArray())
        {
            if (!condition(set, key.Weights)) continue;
            _sets.Remove(key);
            set.Dispose();
        }
    }

    public void Dispose() => Drop((_, _) => true);
}
