using FineTuning.Training;

namespace FineTuning.Tests.Training;

/// <summary>What goes wrong at an operation.</summary>
internal enum Fault
{
    /// <summary>The operation fails, the next ones do not.</summary>
    Error,

    /// <summary>It is not permitted.</summary>
    Denied,

    /// <summary>From now on nothing more can be written; names can be changed and deleted.</summary>
    Full,

    /// <summary>Of a write, half arrives, and it fails.</summary>
    ShortWrite,

    /// <summary>The power is lost; of what was not synced, nothing is left.</summary>
    LosesUnsynced,

    /// <summary>The power is lost; all names are left, but of contents that were not synced half.</summary>
    TearsUnsynced,

    /// <summary>The power is lost; each name and each content that was not synced is left or not, at random.</summary>
    KeepsSome,
}

/// <summary>Thrown where the power is lost, by this and every later operation.</summary>
internal sealed class PowerLossException : Exception;

/// <summary>
/// A file system that knows what would survive a loss of power: a file's contents as they were when it was synced, a folder's names as they were when the folder was.
/// What the code under test sees lies in a real folder; after a loss of power that is made what would be left.
/// </summary>
internal sealed class SimulatedDisk(string root, Fault? fault, int failAt) : ICheckpointDisk
{
    private readonly Entry _root = new() { Now = [], Durable = [] };
    private readonly Random _random = new(failAt);
    private bool _isDead, _isFull;

    /// <summary>Operations so far.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the operation was reached.</summary>
    public bool HasFailed { get; private set; }

    public static bool IsPowerLoss(Fault fault) => fault is Fault.LosesUnsynced or Fault.TearsUnsynced or Fault.KeepsSome;

    /// <summary>Takes what is in the folder as synced.</summary>
    public void TakeOver()
    {
        foreach (string folder in Directory.GetDirectories(root))
        {
            var entry = new Entry { Now = [], Durable = [] };
            foreach (string file in Directory.GetFiles(folder))
            {
                byte[] contents = File.ReadAllBytes(file);
                entry.Now[Path.GetFileName(file)] = entry.Durable[Path.GetFileName(file)] = new Entry { Contents = new MemoryStream(contents), Synced = contents };
            }
            _root.Now![Path.GetFileName(folder)] = _root.Durable![Path.GetFileName(folder)] = entry;
        }
    }

    /// <summary>Makes the folder what a loss of power leaves.</summary>
    public void LosePower()
    {
        foreach (string folder in Directory.GetDirectories(root)) Directory.Delete(folder, recursive: true);
        Restore(_root, root);
    }

    public long? FreeSpace(string folder) => null;

    public void CreateFolder(string folder)
    {
        Next(writes: true);
        Directory.CreateDirectory(folder);
        _root.Now!.Add(Path.GetFileName(folder), new Entry { Now = [], Durable = [] });
    }

    public Stream CreateFile(string path)
    {
        Next(writes: true);
        var entry = new Entry { Contents = new MemoryStream() };
        FolderOf(path).Now!.Add(Path.GetFileName(path), entry);
        return new Writing(this, new FileStream(path, FileMode.CreateNew, FileAccess.Write), entry);
    }

    public void Sync(Stream file)
    {
        Next(writes: false);
        var writing = (Writing)file;
        writing.Flush();
        writing.Entry.Synced = writing.Entry.Contents!.ToArray();
    }

    public void SyncFolder(string folder)
    {
        Next(writes: false);
        Entry entry = folder == root ? _root : _root.Now![Path.GetFileName(folder)];
        entry.Durable = new(entry.Now!);
    }

    public void Rename(string from, string to)
    {
        Next(writes: false);
        Directory.Move(from, to);
        _root.Now!.Remove(Path.GetFileName(from), out Entry? entry);
        _root.Now[Path.GetFileName(to)] = entry!;
    }

    public void DeleteFile(string path)
    {
        Next(writes: false);
        File.Delete(path);
        FolderOf(path).Now!.Remove(Path.GetFileName(path));
    }

    public void DeleteFolder(string folder)
    {
        Next(writes: false);
        Directory.Delete(folder);
        _root.Now!.Remove(Path.GetFileName(folder));
    }

    private Entry FolderOf(string path) => _root.Now![Path.GetFileName(Path.GetDirectoryName(path)!)];

    /// <returns>Whether half of a write arrives.</returns>
    private bool Next(bool writes, bool isWrite = false)
    {
        if (_isDead) throw new PowerLossException();
        Count++;
        if (_isFull && writes) throw new IOException("No space left on device");
        if (HasFailed || fault is null || Count != failAt) return false;
        HasFailed = true;
        switch (fault)
        {
            case Fault.Error: throw new IOException("Input/output error");
            case Fault.Denied: throw new UnauthorizedAccessException("Access denied");
            case Fault.Full:
                _isFull = true;
                throw new IOException("No space left on device");
            case Fault.ShortWrite:
                return isWrite ? true : throw new IOException("Input/output error");
            default:
                _isDead = true;
                throw new PowerLossException();
        }
    }

    private void Restore(Entry folder, string path)
    {
        IEnumerable<string> names = folder.Now!.Keys.Union(folder.Durable!.Keys);
        foreach (string name in names)
        {
            // A name that was changed and not synced is the new one, the old one, or, where two entries disagree, either.
            bool takesNow = fault switch { Fault.LosesUnsynced => false, Fault.TearsUnsynced => true, _ => _random.Next(2) == 0 };
            if (!(takesNow ? folder.Now : folder.Durable).TryGetValue(name, out Entry? entry)) continue;
            string target = Path.Combine(path, name);
            if (entry.Now is not null)
            {
                Directory.CreateDirectory(target);
                Restore(entry, target);
                continue;
            }
            byte[] now = entry.Contents!.ToArray(), synced = entry.Synced ?? [];
            bool isSynced = entry.Synced is not null && now.Length == synced.Length;
            File.WriteAllBytes(target, isSynced ? synced : fault switch
            {
                Fault.LosesUnsynced => synced,
                Fault.TearsUnsynced => now[..(now.Length / 2)],
                _ => [.. now[..(now.Length * _random.Next(5) / 4)], .. new byte[_random.Next(3)]],
            });
        }
    }

    private sealed class Entry
    {
        public Dictionary<string, Entry>? Now { get; init; }

        public Dictionary<string, Entry>? Durable { get; set; }

        public MemoryStream? Contents { get; init; }

        public byte[]? Synced { get; set; }
    }

    private sealed class Writing(SimulatedDisk disk, FileStream inner, Entry entry) : Stream
    {
        public Entry Entry => entry;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => inner.Length;

        public override long Position { get => inner.Position; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            bool half = disk.Next(writes: true, isWrite: true);
            ReadOnlySpan<byte> arrives = half ? buffer[..(buffer.Length / 2)] : buffer;
            inner.Write(arrives);
            entry.Contents!.Write(arrives);
            if (half) throw new IOException("Input/output error");
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
