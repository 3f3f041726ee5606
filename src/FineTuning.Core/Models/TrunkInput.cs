using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A batch as a trunk takes it.</summary>
/// <remarks>Owned by the torch dispose scope in which its tensors were made. Immutable.</remarks>
public sealed class TrunkInput
{
    /// <summary>Wraps tensors.</summary>
    /// <param name="ids">Token ids, [batch, tokens], int64.</param>
    /// <param name="types">Type ids, [batch, tokens], int64. Null: all 0.</param>
    /// <param name="mask">True where a token is real, [batch, tokens], bool. Null: all are, which is computed faster.</param>
    public TrunkInput(Tensor ids, Tensor? types = null, Tensor? mask = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Ids = ids;
        Types = types;
        Mask = mask;
    }

    /// <summary>Token ids, [batch, tokens], int64. Where <see cref="Embeddings"/> or <see cref="States"/> are given only their shape counts.</summary>
    public Tensor Ids { get; }

    /// <summary>Type ids, [batch, tokens], int64. Null: all 0.</summary>
    public Tensor? Types { get; }

    /// <summary>True where a token is real, [batch, tokens], bool. Null: all are. With a cache also [batch, cached tokens + tokens].</summary>
    public Tensor? Mask { get; }

    /// <summary>
    /// Token embeddings in place of those of <see cref="Ids"/>, [batch, tokens, embedding size], before scale, positions and norm. Null: none.
    /// </summary>
    internal Tensor? Embeddings { get; init; }

    /// <summary>Vectors that stand before those of every row, behind the embeddings' scale, [learned tokens, embedding size]; ids, masks and the rest have
    /// room for them in front. Null: none.</summary>
    internal Tensor? Prompt { get; private init; }

    /// <summary>Hidden states from which a pass that does not begin at layer 0 starts, [batch, tokens, hidden].</summary>
    internal Tensor? States { get; init; }

    /// <summary>Positions from 0, [batch, tokens], int64. Null: those of the family's rule.</summary>
    internal Tensor? Positions { get; init; }

    /// <summary>
    /// The number of the text that a token belongs to, [batch, tokens], int64: tokens see only their own text.
    /// Needs <see cref="Positions"/>. Null: a row is one text.
    /// </summary>
    internal Tensor? Segments { get; init; }

    /// <summary>The texts of <see cref="Segments"/>, all of them, where attention is cheaper text by text. Null: it is not, or nobody counted.</summary>
    internal PackedTexts? Texts { get; init; }

    /// <summary>Where keys and values of earlier tokens are. Null: there are none, and nothing is kept.</summary>
    internal KeyValueCache? Cache { get; init; }

    /// <summary>What the encoder of an encoder-decoder reads, where <see cref="Memory"/> is not given.</summary>
    internal TrunkInput? Source { get; init; }

    /// <summary>The encoder's states, [batch, source tokens, hidden]. Null: they are computed from <see cref="Source"/>.</summary>
    internal Tensor? Memory { get; init; }

    /// <summary>True where a token of <see cref="Memory"/> is real, [batch, source tokens], bool. Null: all are.</summary>
    internal Tensor? MemoryMask { get; init; }

    /// <summary>Whether all padding stands behind the real tokens: a decoder then needs no mask for it.</summary>
    internal bool PadsRight { get; init; }

    /// <summary>Real tokens of each row, which stand in front. Null: not counted.</summary>
    internal int[]? Lengths { get; init; }

    /// <summary>Real tokens of the shortest row. Null: not counted.</summary>
    internal long? Shortest { get; init; }

    /// <summary>Tokens a row.</summary>
    internal long Tokens => Ids.shape[1];

    /// <summary>Tokens a row that the cache holds.</summary>
    internal long Past => Cache?.Length ?? 0;

    /// <summary>The mask of the tokens themselves, [batch, tokens].</summary>
    internal Tensor? OwnMask => Mask is null || Mask.shape[1] == Tokens ? Mask : Mask.narrow(1, Mask.shape[1] - Tokens, Tokens);

    /// <summary>The batch where a learned prompt made room for itself.</summary>
    internal TrunkInput Moved(Tensor ids, Tensor? types, Tensor? mask, Tensor? positions, Tensor? prompt = null, KeyValueCache? cache = null) =>
        new(ids, types, mask)
        {
            Embeddings = Embeddings, Prompt = prompt, States = States, Positions = positions, Cache = cache ?? Cache, Source = Source, Memory = Memory,
            MemoryMask = MemoryMask, PadsRight = PadsRight, Shortest = Shortest + (ids.shape[1] - Tokens),
        };

    /// <summary>The batch in a pass that begins with hidden states, [batch, tokens, hidden].</summary>
    internal TrunkInput From(Tensor states) => new(Ids, Types, Mask)
    {
        States = states, Positions = Positions, Segments = Segments, Texts = Texts, Source = Source, PadsRight = PadsRight, Lengths = Lengths,
        Shortest = Shortest,
    };

    internal static TrunkInput Create(long[] ids, long[]? types, int[]? lengths, int rows, int length, Device device)
    {
        Tensor? mask = null;
        if (lengths is not null)
        {
            var real = new bool[rows * length];
            for (int row = 0; row < rows; row++) real.AsSpan(row * length, lengths[row]).Fill(true);
            mask = tensor(real, [rows, length], ScalarType.Bool, device);
        }
        Tensor? typeIds = types is null ? null : tensor(types, [rows, length], ScalarType.Int64, device);
        return new(tensor(ids, [rows, length], ScalarType.Int64, device), typeIds, mask)
        {
            PadsRight = true, Lengths = lengths, Shortest = lengths?.Min() ?? length,
        };
    }

    /// <summary>The index of the last real token of each row, [batch], int64.</summary>
    internal Tensor LastRealIndices()
    {
        if (OwnMask is not { } mask) return full([Ids.shape[0]], Held(Tokens - 1), ScalarType.Int64, Ids.device);
        return (mask.to(ScalarType.Int64) * Range(0, Tokens, device: Ids.device)).max(1).values;
    }

    /// <summary>The index of the last token of an id in each row, or of the last real token where there is none, [batch], int64.</summary>
    internal Tensor LastIndicesOf(long id)
    {
        Tensor found = OwnMask is { } mask ? Ids.eq(Held(id)).logical_and(mask) : Ids.eq(Held(id));
        Tensor indices = Range(0, Tokens, device: Ids.device).unsqueeze(0), ends = found.to(ScalarType.Int64) * Held(Tokens);
        return (indices * (OwnMask?.to(ScalarType.Int64) ?? ones_like(Ids))).Plus(ends).argmax(1);
    }

    /// <summary>The text as both sides of an encoder-decoder read it: the encoder as it is, the decoder one token later, from a start token on.</summary>
    /// <param name="start">The id of the start token.</param>
    /// <exception cref="InvalidOperationException">Embeddings stand in place of ids, which cannot be moved.</exception>
    internal TrunkInput ForBothSides(long start)
    {
        if (Embeddings is not null)
        {
            throw new InvalidOperationException("a model that reads a text in encoder and decoder needs ids; embeddings in their place are not supported");
        }
        Tensor first = OwnMask is { } mask
            ? mask.logical_and(mask.to(ScalarType.Int64).cumsum(1).eq(Held(1)))
            : Range(0, Tokens, device: Ids.device).eq(Held(0)).unsqueeze(0);
        return new(Ids.roll([1], [1]).masked_fill(first, Held(start)), null, Mask)
        {
            Source = this, PadsRight = PadsRight, Lengths = Lengths, Shortest = Shortest,
        };
    }
}
