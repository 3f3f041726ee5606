using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>
/// A beginning that many prompts have in common, read once: while this lives, a prompt that begins with its tokens, or with some of them, is read from where
/// they part. What is written is the same, to rounding.
/// </summary>
/// <remarks>
/// Thread-safe. It holds the keys and values of its tokens, and computes them when they are first needed and again when the weights have changed. A model with
/// a window reads prompts of different lengths that stand in one batch as a whole, and so does one whose rotary positions depend on the length.
/// Dispose it when no more such prompts come, before or after the model.
/// </remarks>
public sealed class SharedPrompt : IDisposable
{
    private readonly object _lock = new();
    private readonly OutputHead _head;
    private readonly int[] _tokens;
    private readonly Precision _precision;
    private readonly Action<SharedPrompt> _release;
    private DecodingCache? _cache;
    private int _changes;
    private bool _isDisposed;

    internal SharedPrompt(OutputHead head, int[] tokens, Precision precision, Action<SharedPrompt> release) =>
        (_head, _tokens, _precision, _release) = (head, tokens, precision, release);

    /// <summary>Tokens of the beginning.</summary>
    public int TokenCount => _tokens.Length;

    /// <summary>Frees the keys and values. Prompts that are being written go on.</summary>
    public void Dispose()
    {
        _release(this);
        lock (_lock)
        {
            _isDisposed = true;
            _cache?.Dispose();
            _cache = null;
        }
    }

    /// <summary>How many tokens all rows begin with, leaving one or more of each to be read.</summary>
    /// <param name="rows">Equally long, padded on the left.</param>
    /// <param name="padding">How many tokens of each are padding.</param>
    internal int CommonTokens(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding)
    {
        StackPlan plan = _head.Trunk.Plan.Decoder!;
        if (plan.Layers.Any(layer => layer.Attention.Rotary?.Scaling is { DependsOnLength: true })) return 0;
        // A window counts columns, and padding would stand behind the beginning.
        if (padding.Any(count => count > 0) && plan.Layers.Any(layer => layer.Attention.Window is not null)) return 0;
        int common = _tokens.Length;
        for (int row = 0; row < rows.Count; row++)
        {
            ReadOnlySpan<int> text = rows[row].AsSpan(padding[row]);
            common = Math.Min(common, Math.Min(text.CommonPrefixLength(_tokens), text.Length - 1));
        }
        return common;
    }

    /// <summary>Puts the first tokens into an empty cache, in each of several rows. The caller has entered the weights.</summary>
    /// <returns>False: this was disposed meanwhile, or the calling thread's run changes the weights with each step; nothing was put.</returns>
    internal bool TryBegin(DecodingCache cache, int tokens, int rows)
    {
        lock (_lock)
        {
            WeightGate gate = _head.Weights.Gate;
            if (_isDisposed || gate.IsOwnRun) return false;
            if (_changes != gate.Changes)
            {
                _cache?.Dispose();
                (_cache, _changes) = (null, gate.Changes);
            }
            _cache ??= Read();
            cache.Begin(_cache, tokens, rows);
            return true;
        }
    }

    private DecodingCache Read()
    {
        using var scope = NewDisposeScope();
        var cache = new DecodingCache();
        try
        {
            Tensor ids = tensor([.. _tokens.Select(id => (long)id)], [1, _tokens.Length], ScalarType.Int64, _head.Device);
            _head.Trunk.Hidden(new(ids) { Cache = cache }, ForwardContext.Evaluation(_precision), WantedStates.LastReal);
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }
}
