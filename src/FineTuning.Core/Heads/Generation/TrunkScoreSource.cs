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
/// The weights are entered for one pass at a time: whoever waits between two tokens holds nothing. Where another adapter is used meanwhile, what was kept is
/// computed again. No scores are kept. For one thread; whoever made it disposes it, while the head lives.
/// </remarks>
internal sealed class TrunkScoreSource(OutputHead head, Precision precision = Precision.Float32, EncoderRows? encoder = null, bool usesCache = true,
    AdapterRequests? requests = null) : IScoreSource
{
    private DecodingCache? _cache;
    private Tensor? _memory;
    private Tensor? _memoryMask;
    private int[][] _texts = [];
    private int[] _padding = [];
    private int[] _origins = [];
    private (int, int) _version;

    public int VocabularySize => head.Outputs;

    public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores)
    {
        using WeightPass pass = head.Weights.Enter();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        (_padding, _origins, _texts) = ([.. padding], [.. Enumerable.Range(0, rows.Count)], [.. rows]);
        Begin();
        Compute(rows, 0, scores);
    }

    public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores)
    {
        using WeightPass pass = head.Weights.Enter();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        int[] chosen = parents.ToArray();
        Select(chosen);
        var texts = new int[tokens.Length][];
        for (int row = 0; row < texts.Length; row++) texts[row] = [.. _texts[chosen[row]], tokens[row]];
        _texts = texts;
        if (_version != Version)
        {
            // Keys and values of another adapter would mix with those of this one.
            Begin();
            Compute(_texts, 0, scores);
        }
        else if (_cache is not null) Compute(tokens, _cache.Length - head.Trunk.LeadingPositions, scores);
        else Compute(_texts, 0, scores);
    }

    public void Dispose()
    {
        _cache?.Dispose();
        _memory?.Dispose();
        _memoryMask?.Dispose();
        (_cache, _memory, _memoryMask) = (null, null, null);
    }

    private (int, int) Version => (head.Weights.AdapterVersion, requests?.Removals ?? 0);

    private void Begin()
    {
        Dispose();
        _version = Version;
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
        if (usesCache) _cache = new DecodingCache();
    }

    private void Encode(EncoderRows rows)
    {
        Tensor? mask = rows.Mask is null || rows.Mask.All(row => row.All(real => real)) ? null
            : tensor(rows.Mask.SelectMany(row => row).ToArray(), [rows.Mask.Count, rows.Mask[0].Length], ScalarType.Bool, head.Device);
        int[] prompts = [.. Enumerable.Range(0, rows.Ids.Count)];
        _memory = RowAdapters.Within(requests?.Of(prompts), () => head.Trunk.Encode(new(Ids(rows.Ids), null, mask), ForwardContext.Evaluation(precision)))
            .DetachFromDisposeScope();
        _memoryMask = mask?.DetachFromDisposeScope();
    }

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
            ForwardContext context = ForwardContext.Evaluation(precision);
            Tensor hidden = head.Trunk.Hidden(input, context, tokens == 1 ? WantedStates.All : WantedStates.LastReal);
            return head.Score(hidden.view(rows, hidden.shape[2]), context).to(ScalarType.Float32).cpu().contiguous();
        });
        MemoryMarshal.Cast<byte, float>(logits.bytes).CopyTo(scores);
    }

    // Padding stands on the left: a text's positions begin behind it.
    private (Tensor Mask, Tensor Positions) Padded(long past, long tokens)
    {
        Tensor padding = tensor(_padding.Select(count => (long)count).ToArray(), [_padding.Length, 1], ScalarType.Int64, head.Device);
        Tensor mask = Range(0, past + tokens, device: head.Device).unsqueeze(0).ge(padding);
        Tensor positions = Range(past, past + tokens, device: head.Device).unsqueeze(0).Plus(padding.neg()).clamp_min(Held(0L));
        return (mask, positions);
    }

    private Tensor Ids(IReadOnlyList<int[]> rows) =>
        tensor(rows.SelectMany(row => row).Select(id => (long)id).ToArray(), [rows.Count, rows[0].Length], ScalarType.Int64, head.Device);
}
