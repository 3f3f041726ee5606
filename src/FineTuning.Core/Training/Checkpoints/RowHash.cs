using System.Buffers;
using System.Security.Cryptography;
using FineTuning.Batching;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>
/// A hash of all that rows hold, in their order, whatever their type: numbers, texts, and lists and objects of them, field by field. Two row sets of one
/// hash are trained on alike.
/// </summary>
internal sealed class RowHash : IDisposable
{
    /// <summary>Rows that are hashed together, on one thread.</summary>
    public const int RowsInABlock = 256;

    private const int Digits = 16;
    private readonly IncrementalHash _whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _count;

    /// <summary>The hash of a row set; where its rows are kept in a file, the one that the file has.</summary>
    public static string Of(RowSet rows)
    {
        if (rows.Hash is { } known) return known;
        using var hash = new RowHash();
        hash.Add(rows.Rows);
        return hash.ToString();
    }

    /// <summary>Adds the next rows.</summary>
    /// <param name="rows">A multiple of <see cref="RowsInABlock"/>; only the last that are added may be others.</param>
    public void Add(IReadOnlyList<EncodedRow> rows)
    {
        var hashes = new byte[(rows.Count + RowsInABlock - 1) / RowsInABlock][];
        Parallel.For(0, hashes.Length, block =>
        {
            var buffer = new ArrayBufferWriter<byte>();
            for (int row = block * RowsInABlock; row < Math.Min(rows.Count, (block + 1) * RowsInABlock); row++) ObjectBytes.Append(buffer, rows[row]);
            hashes[block] = SHA256.HashData(buffer.WrittenSpan);
        });
        foreach (byte[] hash in hashes) _whole.AppendData(hash);
        _count += rows.Count;
    }

    /// <summary>The number of rows and the hash, to read.</summary>
    public override string ToString() => $"{_count:N0} rows, hash {Convert.ToHexStringLower(_whole.GetCurrentHash())[..Digits]}";

    public void Dispose() => _whole.Dispose();
}
