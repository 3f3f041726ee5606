using System.Runtime.InteropServices;
using FineTuning.Adapters;
using FineTuning.Generation;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What the encoder of an encoder-decoder reads.</summary>
/// <param name="Ids">[prompts][tokens]: equally long.</param>
/// <param name="Mask">False where a token is padding, of the same shape; null: all of it is read.</param>
internal sealed record EncoderRows(IReadOnlyList<int[]> Ids, IReadOnlyList<bool[]>? Mask);

/// <summary>Scores of a model: its encoder runs once, keys and values of earlier tokens are kept, and one token a row is computed a step.</summary>
/// <remarks>
/// The weights are entered for one pass at a time: whoever waits between two tokens holds nothing. Where the weights or the adapter have changed
/// meanwhile, what was kept is computed again. No scores are kept. For one thread; whoever made it disposes it, while the head lives.
/// </remarks>
internal sealed class TrunkScoreSource(OutputHead head, Precision precision = Precision.Float32, EncoderRows? encoder = null, bool usesCache = true,
    AdapterRequests? requests = null) : IScoreSource
{
    private readonly WeightCasts _casts = new(head.Weights);
    private DecodingCache? _cache;
    private Tensor? _memory;
    private Tensor? _memoryMask;
    private readonly List<(int[] Tokens, int[] Parents)> _steps = [];
    private int[][] _prompts = [];
    private int[] _padding = [];
    private int[] _origins = [];
    private int _shared;
    private int _changes;

    /// <summary>Beginnings whose keys and values may be known. With a cache and without an encoder.</summary>
    public IReadOnlyList<SharedPrompt> Known { get; init; } = [];

    public int VocabularySize => head.Outputs;

    public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores)
    {
        using WeightPass pass = head.Weights.Enter();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        _steps.Clear();
        (_padding, _origins, _prompts) = ([.. padding], [.. Enumerable.Range(0, rows.Count)], [.. rows]);
        Begin();
        if (_cache is not null && requests is null && head.Trunk.LeadingPositions == 0) _shared = Share(_cache, rows);
        Compute(_shared == 0 ? rows : [.. rows.Select((row, i) => Behind(row, _padding[i]))], _shared, scores);
    }

    public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores)
    {
        using WeightPass pass = head.Weights.Enter();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        int[] chosen = parents.ToArray();
        Select(chosen);
        _steps.Add((tokens.ToArray(), chosen));
        // Keys and values of other weights, or of another adapter, would mix with those of these.
        if (_changes != head.Weights.Gate.Changes) Begin();
        else if (_cache is not null)
        {
            Compute(tokens, _cache.Length - head.Trunk.LeadingPositions, scores);
            return;
        }
        Compute(Texts(tokens.Length), 0, scores);
    }

    public void Dispose()
    {
        Clear();
        _casts.Dispose();
    }

    private void Begin()
    {
        Clear();
        (_changes, _shared) = (head.Weights.Gate.Changes, 0);
        if (encoder is not null)
        {
            Encode(encoder);
            if (!_origins.SequenceEqual(Enumerable.Range(0, encoder.Ids.Count)))
            {
                Tensor index = tensor(_origins.Select(origin => (long)origin).ToArray(), ScalarType.Int64, head.Device);
                Replace(ref _memory, index);
                Replace(ref _memoryMask, index);
            }
        }
        if (usesCache) _cache = new DecodingCache(head.Trunk.Plan.Decoder);
    }

    private void Clear()
    {
        _cache?.Dispose();
        _memory?.Dispose();
        _memoryMask?.Dispose();
        (_cache, _memory, _memoryMask) = (null, null, null);
    }

    private ForwardContext Context() => ForwardContext.Decoding(precision, _casts);

    // The rows as they stand now: each goes back through its parents to its prompt.
    private int[][] Texts(int rows)
    {
        var texts = new int[rows][];
        for (int row = 0; row < rows; row++)
        {
            var behind = new int[_steps.Count];
            int at = row;
            for (int step = _steps.Count - 1; step >= 0; step--) (behind[step], at) = (_steps[step].Tokens[at], _steps[step].Parents[at]);
            texts[row] = [.. _prompts[at], .. behind];
        }
        return texts;
    }

    private void Encode(EncoderRows rows)
    {
        Tensor? mask = rows.Mask is null || rows.Mask.All(row => row.All(real => real)) ? null
            : tensor(rows.Mask.SelectMany(row => row).ToArray(), [rows.Mask.Count, rows.Mask[0].Length], ScalarType.Bool, head.Device);
        int[] prompts = [.. Enumerable.Range(0, rows.Ids.Count)];
        _memory = RowAdapters.Within(requests?.Of(prompts), () => head.Trunk.Encode(new(Ids(rows.Ids), null, mask), Context())).DetachFromDisposeScope();
        _memoryMask = mask?.DetachFromDisposeScope();
    }

    // The longest beginning that is known of all rows goes into the cache.
    private int Share(DecodingCache cache, IReadOnlyList<int[]> rows)
    {
        (SharedPrompt? Prompt, int Tokens) best = (null, 0);
        foreach (SharedPrompt prompt in Known)
        {
            int common = prompt.CommonTokens(rows, _padding);
            if (common > best.Tokens) best = (prompt, common);
        }
        return best.Prompt?.TryBegin(cache, best.Tokens, rows.Count) == true ? best.Tokens : 0;
    }

    // Padding stands between the beginning and what follows.
    private int[] Behind(int[] row, int padding) => [.. row.AsSpan(0, padding), .. row.AsSpan(padding + _shared)];

    private void Select(int[] parents)
    {
        bool same = parents.Length == _padding.Length && !parents.Where((parent, row) => parent != row).Any();
        if (same) return;
        int[] origins = [.. parents.Select(parent => _origins[parent])];
        bool othersRead = !origins.AsSpan().SequenceEqual(_origins);
        Tensor index = tensor(parents.Select(parent => (long)parent).ToArray(), ScalarType.Int64, head.Device);
        _cache?.Select(index, othersRead && encoder is not null);
        if (othersRead)
        {
            // Keys and values of the encoder's states are in the cache; the states themselves are read only without one.
            if (_cache is null) Replace(ref _memory, index);
            Replace(ref _memoryMask, index);
        }
        (_padding, _origins) = ([.. parents.Select(parent => _padding[parent])], origins);
    }

    private static void Replace(ref Tensor? rows, Tensor index)
    {
        if (rows is null) return;
        Tensor selected = rows.index_select(0, index).DetachFromDisposeScope();
        rows.Dispose();
        rows = selected;
    }

    private void Compute(IReadOnlyList<int[]> rows, long past, Span<float> scores) => Compute(Ids(rows), past, scores);

    private void Compute(ReadOnlySpan<int> tokens, long past, Span<float> scores)
    {
        var ids = new long[tokens.Length];
        for (int row = 0; row < ids.Length; row++) ids[row] = tokens[row];
        Compute(tensor(ids, [ids.Length, 1], ScalarType.Int64, head.Device), past, scores);
    }

    private void Compute(Tensor ids, long past, Span<float> scores)
    {
        (long rows, long tokens) = (ids.shape[0], ids.shape[1]);
        (Tensor? mask, Tensor? positions) = _padding.Any(count => count > 0) ? Padded(past, tokens) : (null, null);
        var input = new TrunkInput(ids, null, mask) { Positions = positions, Cache = _cache, Memory = _memory, MemoryMask = _memoryMask };
        Tensor logits = RowAdapters.Within(requests?.Of(_origins), () =>
        {
            ForwardContext context = Context();
            Tensor hidden = head.Trunk.Hidden(input, context, tokens == 1 ? WantedStates.All : WantedStates.LastReal);
            return head.Score(hidden.view(rows, hidden.shape[2]), context).to(ScalarType.Float32).cpu().contiguous();
        });
        MemoryMarshal.Cast<byte, float>(logits.bytes).CopyTo(scores);
    }

    // Padding stands on the left, or behind a beginning that is shared: a text's positions go on behind it.
    private (Tensor Mask, Tensor Positions) Padded(long past, long tokens)
    {
        Tensor padding = tensor(_padding.Select(count => (long)count).ToArray(), [_padding.Length, 1], ScalarType.Int64, head.Device);
        Tensor columns = Range(0, past + tokens, device: head.Device).unsqueeze(0), mask = columns.ge(padding.Plus((long)_shared));
        if (_shared > 0) mask = mask.logical_or(columns.lt(Held((long)_shared)));
        Tensor positions = Range(past, past + tokens, device: head.Device).unsqueeze(0).Plus(padding.neg()).clamp_min(Held(0L));
        return (mask, positions);
    }

    private Tensor Ids(IReadOnlyList<int[]> rows) =>
        tensor(rows.SelectMany(row => row).Select(id => (long)id).ToArray(), [rows.Count, rows[0].Length], ScalarType.Int64, head.Device);
}
