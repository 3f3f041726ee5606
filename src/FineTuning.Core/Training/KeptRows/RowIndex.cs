using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>What a file of rows consists of, and of what the rows were made. Written last: rows without it are none.</summary>
/// <param name="Key">The hash of tokenizer, options and code.</param>
/// <param name="Data">The hash of the examples.</param>
/// <param name="Examples">How many were read.</param>
/// <param name="SawEnd">Whether the data ended there; else no more were needed.</param>
/// <param name="Ends">Where each block of rows ends in the file.</param>
/// <param name="Sums">A checksum of each block.</param>
/// <param name="Lengths">Tokens of each row.</param>
/// <param name="Summary">What happened to the examples, and the hash of the rows.</param>
internal sealed record RowIndex(byte[] Key, byte[] Data, int Examples, bool SawEnd, long[] Ends, uint[] Sums, RowLengths Lengths, RowSummary Summary)
{
    public const string Name = "index.bin";

    /// <summary>Rows that are read and checked together.</summary>
    public const int RowsInABlock = 16;

    /// <summary>The most bytes of a block.</summary>
    public const int LargestBlock = 1 << 30;

    private const int Version = 1, HashBytes = 32, HeadBytes = 128, FirstNumber = 72, Numbers = 7, LargestSummary = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "FTROWS\r\n"u8;

    /// <summary>Bytes of all rows.</summary>
    public long Bytes => Ends.Length == 0 ? 0 : Ends[^1];

    /// <summary>Writes head, blocks, lengths, summary, and the hash of all of it.</summary>
    public void Write(Stream stream)
    {
        using var hashing = new HashingStream(stream);
        byte[] summary = JsonSerializer.SerializeToUtf8Bytes(Summary, RowSummary.Json);
        var head = new byte[HeadBytes];
        Magic.CopyTo(head);
        Key.CopyTo(head, Magic.Length);
        Data.CopyTo(head, Magic.Length + HashBytes);
        long[] numbers = [Version, Lengths.Count, Examples, SawEnd ? 1 : 0, Bytes, Lengths.Width, summary.Length];
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(FirstNumber + (i * sizeof(long))), numbers[i]);
        hashing.Write(head);
        hashing.Write(MemoryMarshal.AsBytes(Ends.AsSpan()));
        hashing.Write(MemoryMarshal.AsBytes(Sums.AsSpan()));
        hashing.Write(Lengths.Bytes);
        hashing.Write(summary);
        stream.Write(Convert.FromHexString(hashing.Hash()));
    }

    /// <summary>Reads an index; nothing takes memory before the file is known to be as large as that.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">How large the file of the rows is.</param>
    /// <exception cref="CheckpointException">It is none that was written whole.</exception>
    public static RowIndex Read(string path, long bytes)
    {
        using FileStream stream = InputFile.Open(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long length = stream.Length;
        if (length < HeadBytes + HashBytes) throw Damaged(path, "it is too short");
        var head = new byte[HeadBytes];
        Take(head);
        if (!head.AsSpan().StartsWith(Magic)) throw Damaged(path, "it does not begin as one");
        long[] numbers = [.. Enumerable.Range(0, Numbers).Select(i => BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(FirstNumber + (i * sizeof(long)))))];
        (long rows, long examples, long end, long size, long width, long text) = (numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]);
        bool isOne = numbers[0] == Version && rows is > 0 and <= int.MaxValue && examples is > 0 and <= int.MaxValue && (end is 0 or 1)
            && (width is sizeof(ushort) or sizeof(int)) && text is > 0 and <= LargestSummary;
        if (!isOne) throw Damaged(path, "its numbers are those of no version that this library reads");
        long blocks = (rows + RowsInABlock - 1) / RowsInABlock;
        if (length != HeadBytes + HashBytes + (blocks * (sizeof(long) + sizeof(uint))) + (rows * width) + text || size != bytes)
            throw Damaged(path, $"it has {length} bytes, and the rows {bytes}; other sizes were written");
        (var ends, var sums) = (new long[blocks], new uint[blocks]);
        Take(MemoryMarshal.AsBytes(ends.AsSpan()));
        Take(MemoryMarshal.AsBytes(sums.AsSpan()));
        RowLengths lengths = RowLengths.Of((int)rows, (int)width, out Span<byte> target);
        Take(target);
        var summary = new byte[text];
        Take(summary);
        byte[] computed = hash.GetCurrentHash(), stored = new byte[HashBytes];
        Take(stored);
        if (!computed.AsSpan().SequenceEqual(stored)) throw Damaged(path, "its hash is another");
        for (int i = 0; i < ends.Length; i++)
        {
            if (ends[i] - (i == 0 ? 0 : ends[i - 1]) is not (> 0 and <= LargestBlock)) throw Damaged(path, "a block of rows has no size that it can have");
        }
        if (ends[^1] != bytes || lengths.Any(each => each < 0)) throw Damaged(path, "its rows do not end where the file does");
        return new(head[Magic.Length..(Magic.Length + HashBytes)], head[(Magic.Length + HashBytes)..FirstNumber], (int)examples, end == 1, ends, sums, lengths,
            RowSummary.Read(summary) ?? throw Damaged(path, "it does not say what happened to the examples"));

        void Take(Span<byte> part)
        {
            try
            {
                stream.ReadExactly(part);
            }
            catch (IOException failure)
            {
                throw new CheckpointException(path, $"it cannot be read: {failure.Message}", failure);
            }
            hash.AppendData(part);
        }
    }

    /// <summary>The checksum of a block (CRC-32C).</summary>
    public static uint SumOf(ReadOnlySpan<byte> block)
    {
        uint sum = uint.MaxValue;
        for (; block.Length >= sizeof(ulong); block = block[sizeof(ulong)..]) sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(block));
        foreach (byte rest in block) sum = BitOperations.Crc32C(sum, rest);
        return ~sum;
    }

    private static CheckpointException Damaged(string path, string problem) => new(path, $"it is no index of kept rows: {problem}");
}
