using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What the hidden states of each row of a batch depend on, weights apart, and how many of its tokens are real.</summary>
/// <remarks>
/// A key is the first half of a SHA-256 of the row's real tokens, of their types, positions and segments where there are any, and of what an encoder reads
/// beside them. How far a row is padded, and who else is in its batch, do not count.
/// </remarks>
/// <param name="Keys">By row.</param>
/// <param name="Lengths">Real tokens by row; they stand in front.</param>
/// <param name="Tokens">Tokens a row after padding.</param>
internal sealed record RowKeys(UInt128[] Keys, int[] Lengths, int Tokens)
{
    /// <summary>The same rows, of which one vector each is meant.</summary>
    public RowKeys OneVector() => new(Keys, [.. Keys.Select(_ => 1)], 1);

    /// <summary>The keys of a batch. Null: its rows cannot be told apart by what they hold.</summary>
    public static RowKeys? Of(TrunkInput input)
    {
        if (input is not { Embeddings: null, Prompt: null, States: null, Cache: null, Memory: null } || input.Ids.dtype != ScalarType.Int64) return null;
        using var scope = NewDisposeScope();
        if (LengthsOf(input) is not { } lengths) return null;
        RowKeys? source = input.Source is null ? null : Of(input.Source);
        if (source is null && input.Source is not null) return null;
        long[] ids = Numbers(input.Ids)!;
        long[]?[] further = [Numbers(input.Types), Numbers(input.Positions), Numbers(input.Segments)];
        int tokens = checked((int)input.Tokens);
        var keys = new UInt128[lengths.Length];
        for (int row = 0; row < keys.Length; row++) keys[row] = Key(ids, further, row * tokens, lengths[row], source?.Keys[row] ?? 0);
        return new(keys, lengths, tokens);
    }

    private static UInt128 Key(long[] ids, long[]?[] further, int start, int length, UInt128 source)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes(ids.AsSpan(start, length)));
        Span<byte> head = stackalloc byte[25];
        BinaryPrimitives.WriteUInt128LittleEndian(head, source);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], length);
        for (int i = 0; i < further.Length; i++)
        {
            // Types that are all 0 are none: whether they are written out depends on the other rows.
            if (further[i] is not { } values || (i == 0 && !values.AsSpan(start, length).ContainsAnyExcept(0L))) continue;
            hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan(start, length)));
            head[24] |= (byte)(1 << i);
        }
        hash.AppendData(head);
        Span<byte> whole = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(whole);
        return BinaryPrimitives.ReadUInt128LittleEndian(whole);
    }

    private static int[]? LengthsOf(TrunkInput input)
    {
        int rows = (int)input.Ids.shape[0], tokens = checked((int)input.Tokens);
        if (input.Lengths is { } counted) return counted;
        if (input.Mask is null) return [.. Enumerable.Repeat(tokens, rows)];
        Span<byte> real = input.Mask.to(ScalarType.Byte).cpu().contiguous().Elements<byte>();
        var lengths = new int[rows];
        for (int row = 0; row < rows; row++)
        {
            Span<byte> own = real.Slice(row * tokens, tokens);
            int length = own.IndexOf((byte)0) is >= 0 and var first ? first : tokens;
            // Padding in front or between moves positions.
            if (own[length..].ContainsAnyExcept((byte)0)) return null;
            lengths[row] = length;
        }
        return lengths;
    }

    private static long[]? Numbers(Tensor? values) => values?.to(ScalarType.Int64).cpu().contiguous().Elements<long>().ToArray();
}
