using System.Buffers;
using System.Collections;
using FineTuning.Errors;
using FineTuning.Tasks;
using Microsoft.Win32.SafeHandles;

namespace FineTuning.Training;

/// <summary>Rows that are read from a file when they are asked for.</summary>
/// <remarks>
/// The file is read by position and not mapped: a failing disk is then an exception and not the end of the process, and what was read lately lies in the
/// system's memory anyway. Thread-safe.
/// </remarks>
internal sealed class KeptRows : IReadOnlyList<EncodedRow>, IDisposable
{
    /// <summary>The file of the rows.</summary>
    public const string Name = "rows.bin";

    private const int BlocksBetweenLooks = 1024;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly RowDecoder _decode;
    private readonly int _vocabulary;

    /// <param name="folder">Where the file is.</param>
    /// <param name="index">The file's index; null: it is read.</param>
    /// <param name="format">How rows are read.</param>
    /// <exception cref="CheckpointException">The folder does not hold rows that were written whole.</exception>
    public KeptRows(string folder, RowIndex? index, RowFormat format)
    {
        (_path, _decode, _vocabulary) = (Path.Combine(folder, Name), format.Read, format.Tokenizer.HighestId + 1);
        try
        {
            // Refuses what is no regular file.
            using (Tensors.InputFile.Open(_path))
            {
            }
            _file = File.OpenHandle(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(_path, $"it cannot be opened: {failure.Message}", failure);
        }
        try
        {
            Index = index ?? RowIndex.Read(Path.Combine(folder, RowIndex.Name), RandomAccess.GetLength(_file));
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>What the file consists of.</summary>
    public RowIndex Index { get; }

    /// <summary>Called when the file is closed.</summary>
    public Action? Closed { get; init; }

    public int Count => Index.Lengths.Count;

    public EncodedRow this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return Rows(index / RowIndex.RowsInABlock, index % RowIndex.RowsInABlock, 1)[0];
        }
    }

    /// <summary>Reads every byte once.</summary>
    /// <exception cref="CheckpointException">One is not what was written.</exception>
    public void Verify(CancellationToken cancellation)
    {
        for (int block = 0; block < Index.Ends.Length; block++)
        {
            if (block % BlocksBetweenLooks == 0) cancellation.ThrowIfCancellationRequested();
            byte[] buffer = Read(block, out _);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public IEnumerator<EncodedRow> GetEnumerator()
    {
        for (int block = 0; block < Index.Ends.Length; block++)
        {
            foreach (EncodedRow row in Rows(block, 0, Math.Min(RowIndex.RowsInABlock, Count - (block * RowIndex.RowsInABlock)))) yield return row;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose()
    {
        if (_file.IsClosed) return;
        _file.Dispose();
        Closed?.Invoke();
    }

    /// <summary>A block of rows as bytes: the size of each before it.</summary>
    /// <param name="rows">Of one block.</param>
    /// <param name="first">The number of the first.</param>
    public static byte[] Bytes(ReadOnlySpan<EncodedRow> rows, int first)
    {
        var (one, all) = (new RowWriter(), new RowWriter());
        foreach (EncodedRow row in rows)
        {
            one.Clear();
            one.Number((long)row.Index - first++);
            row.Write(one);
            all.Count(one.Written.Length);
            all.Bytes(one.Written);
        }
        return all.Written.ToArray();
    }

    private EncodedRow[] Rows(int block, int skipped, int count)
    {
        byte[] buffer = Read(block, out int size);
        try
        {
            var rows = new EncodedRow[count];
            var reader = new RowReader(buffer.AsSpan(0, size), _vocabulary, 0);
            for (int i = 0; i < skipped; i++) reader.Take(reader.Count());
            for (int i = 0; i < count; i++) rows[i] = Row(reader.Take(reader.Count()), (block * RowIndex.RowsInABlock) + skipped + i);
            return rows;
        }
        catch (Exception fault) when (fault is InvalidDataException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw Damaged(fault.Message, fault);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private EncodedRow Row(ReadOnlySpan<byte> bytes, int number)
    {
        int example = checked((int)(new RowReader(bytes, _vocabulary, 0).Number() + number));
        var reader = new RowReader(bytes, _vocabulary, example);
        reader.Number();
        EncodedRow row = _decode(ref reader);
        row.Index = example;
        if (!reader.IsAtEnd || row.Length != Index.Lengths[number] || example < 0)
            throw RowReader.Damaged($"row {number} has another length than was written");
        return row;
    }

    private byte[] Read(int block, out int size)
    {
        long start = block == 0 ? 0 : Index.Ends[block - 1];
        size = (int)(Index.Ends[block] - start);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            for (int done = 0; done < size;)
            {
                int count = RandomAccess.Read(_file, buffer.AsSpan(done, size - done), start + done);
                if (count == 0) throw Damaged("it is shorter than what was written", null);
                done += count;
            }
        }
        catch (IOException failure)
        {
            throw new CheckpointException(_path, $"it cannot be read: {failure.Message}", failure);
        }
        if (RowIndex.SumOf(buffer.AsSpan(0, size)) != Index.Sums[block]) throw Damaged("the checksum of a block is another", null);
        return buffer;
    }

    private CheckpointException Damaged(string problem, Exception? cause) =>
        new(_path, $"its rows are damaged: {problem}; the next run encodes them anew", cause);
}
