using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>Writes rows into a new folder, and gives it its name once all of them and their index are there.</summary>
/// <remarks>
/// A folder is whole or absent: its files are synced, the index is written last and synced, the folder is renamed, and the one above is synced. A folder
/// without its name has a lock beside it, which ends with its process; one that is free is swept by the next run. One thread at a time.
/// </remarks>
internal sealed class RowFileWriter : IDisposable
{
    private const string Fresh = ".finetuning-rows-", Lock = ".lock";

    // A multiple of the rows that are read together, and of those that are hashed together.
    private const int RowsAtOnce = 16 * RowHash.RowsInABlock, Tries = 3;

    private readonly ICheckpointDisk _disk;
    private readonly string _root;
    private readonly FileStream _lock;
    private readonly Stream _stream;
    private readonly RowHash _hash = new();
    private readonly RowLengths _lengths = new();
    private readonly List<EncodedRow> _waiting = new(RowsAtOnce);
    private readonly List<long> _ends = [];
    private readonly List<uint> _sums = [];
    private long _written;
    private bool _isPublished;

    /// <exception cref="IOException">The folder cannot be made or written.</exception>
    public RowFileWriter(string root, ICheckpointDisk disk)
    {
        (_root, _disk) = (root, disk);
        Directory.CreateDirectory(root);
        Sweep();
        Folder = Path.Combine(root, Fresh + Guid.NewGuid().ToString("N"));
        _lock = TakeLock(Folder);
        try
        {
            disk.CreateFolder(Folder);
            _stream = disk.CreateFile(Path.Combine(Folder, KeptRows.Name));
        }
        catch
        {
            Discard();
            throw;
        }
    }

    /// <summary>Where the rows are now.</summary>
    public string Folder { get; private set; }

    /// <exception cref="IOException">It cannot be written.</exception>
    public void Add(EncodedRow row)
    {
        _waiting.Add(row);
        if (_waiting.Count == RowsAtOnce) Flush();
    }

    /// <summary>Writes the index.</summary>
    /// <param name="make">Makes it of blocks, checksums, lengths and the hash of the rows.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public RowIndex Finish(Func<long[], uint[], RowLengths, string, RowIndex> make)
    {
        Flush();
        _disk.Sync(_stream);
        _stream.Dispose();
        RowIndex index = make([.. _ends], [.. _sums], _lengths, _hash.ToString());
        // Names before the index, so that it never speaks of a file that is lost.
        _disk.SyncFolder(Folder);
        using (Stream stream = _disk.CreateFile(Path.Combine(Folder, RowIndex.Name)))
        {
            index.Write(stream);
            _disk.Sync(stream);
        }
        _disk.SyncFolder(Folder);
        return index;
    }

    /// <summary>Gives the folder its name; one that had it is deleted.</summary>
    /// <exception cref="IOException">It could not be done; what was there is as it was, or absent.</exception>
    public void Publish(string target)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                if (Directory.Exists(target)) Delete(target);
                _disk.Rename(Folder, target);
                break;
            }
            catch (IOException) when (attempt < Tries && Directory.Exists(target) && Directory.Exists(Folder))
            {
                // Another process has put its own there in between.
            }
        }
        Folder = target;
        _disk.SyncFolder(_root);
        _isPublished = true;
        _lock.Dispose();
    }

    /// <summary>Deletes what was written and has no name yet.</summary>
    public void Discard()
    {
        _stream?.Dispose();
        try
        {
            if (!_isPublished && Directory.Exists(Folder)) DeleteFiles(Folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The next run sweeps.
        }
        finally
        {
            _lock.Dispose();
        }
    }

    public void Dispose() => _hash.Dispose();

    private static FileStream TakeLock(string folder) =>
        new(folder + Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);

    private static string WithoutLock(string name) => name.EndsWith(Lock, StringComparison.Ordinal) ? name[..^Lock.Length] : name;

    private static bool IsTemporary(string name) => name.Length == Fresh.Length + 32 && name[Fresh.Length..].All(char.IsAsciiHexDigit);

    private void Flush()
    {
        EncodedRow[] rows = [.. _waiting];
        _waiting.Clear();
        int first = _lengths.Count;
        var blocks = new byte[(rows.Length + RowIndex.RowsInABlock - 1) / RowIndex.RowsInABlock][];
        Parallel.For(0, blocks.Length, block =>
        {
            int start = block * RowIndex.RowsInABlock, count = Math.Min(RowIndex.RowsInABlock, rows.Length - start);
            blocks[block] = KeptRows.Bytes(rows.AsSpan(start, count), first + start);
        });
        if (Array.Find(blocks, block => block.Length > RowIndex.LargestBlock) is not null)
            throw new IOException($"{RowIndex.RowsInABlock} rows take more than {RowIndex.LargestBlock:N0} bytes: leave KeepRowsOnDisk out");
        foreach (byte[] block in blocks)
        {
            _ends.Add(_written += block.Length);
            _sums.Add(RowIndex.SumOf(block));
        }
        _stream.Write(Joined(blocks));
        foreach (EncodedRow row in rows) _lengths.Add(row.Length);
        _hash.Add(rows);
    }

    private static byte[] Joined(byte[][] blocks)
    {
        var joined = new byte[blocks.Sum(block => (long)block.Length)];
        int position = 0;
        foreach (byte[] block in blocks)
        {
            block.CopyTo(joined, position);
            position += block.Length;
        }
        return joined;
    }

    private void Sweep()
    {
        // A process may have been killed when it had a lock and no folder.
        foreach (string name in new DirectoryInfo(_root).GetFileSystemInfos(Fresh + "*").Select(entry => WithoutLock(entry.Name)).Where(IsTemporary).Distinct())
        {
            try
            {
                string folder = Path.Combine(_root, name);
                using FileStream free = TakeLock(folder);
                if (Directory.Exists(folder)) DeleteFiles(folder);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Another process writes there.
            }
        }
    }

    // Under another name first: a deletion that is interrupted leaves nothing that looks like rows.
    private void Delete(string folder)
    {
        string away = Path.Combine(_root, Fresh + Guid.NewGuid().ToString("N"));
        _disk.Rename(folder, away);
        DeleteFiles(away);
    }

    private void DeleteFiles(string folder)
    {
        foreach (string name in (string[])[KeptRows.Name, RowIndex.Name])
        {
            if (File.Exists(Path.Combine(folder, name))) _disk.DeleteFile(Path.Combine(folder, name));
        }
        if (!Directory.EnumerateFileSystemEntries(folder).Any()) _disk.DeleteFolder(folder);
    }
}
