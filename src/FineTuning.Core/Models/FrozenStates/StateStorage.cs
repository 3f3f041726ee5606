using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FineTuning.Models;

/// <summary>Bytes of kept states: in memory first, then in a file without a name that ends with the process.</summary>
/// <remarks>
/// The file is read and written by position and not mapped: a full or failing disk is then an exception and not the end of the process, and what was written
/// lately lies in the system's memory anyway. Not thread-safe.
/// </remarks>
internal sealed unsafe class StateStorage(StateBudget budget) : IDisposable
{
    private const long SmallestBlock = 1 << 20, LargestBlock = 64 << 20;

    private readonly List<nint> _blocks = [];
    private long _filled, _size;
    private SafeFileHandle? _file;

    /// <summary>Bytes in memory.</summary>
    public long Memory { get; private set; }

    /// <summary>Bytes in the file.</summary>
    public long Disk { get; private set; }

    /// <summary>Keeps bytes.</summary>
    /// <param name="source">Where they are.</param>
    /// <param name="bytes">How many.</param>
    /// <returns>Where they are now; null: there is no room.</returns>
    /// <exception cref="IOException">The file cannot be made or written.</exception>
    public StatePosition? TryAdd(nint source, int bytes)
    {
        if (budget.TryTakeMemory(bytes))
        {
            nint target = Reserve(bytes);
            if (target != 0)
            {
                Memory += bytes;
                Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes);
                return new(target, -1);
            }
            budget.Return(bytes, 0);
        }
        if (!budget.TryTakeDisk(bytes)) return null;
        var position = new StatePosition(0, Disk);
        Disk += bytes;
        RandomAccess.Write(_file ??= Open(budget.Folder), new ReadOnlySpan<byte>((void*)source, bytes), position.Offset);
        return position;
    }

    /// <summary>Copies bytes.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Read(StatePosition position, nint target, int bytes)
    {
        if (position.Address != 0)
        {
            Buffer.MemoryCopy((void*)position.Address, (void*)target, bytes, bytes);
            return;
        }
        for (int done = 0; done < bytes;)
        {
            int count = RandomAccess.Read(_file!, new Span<byte>((void*)(target + done), bytes - done), position.Offset + done);
            if (count == 0) throw new IOException("the file of kept hidden states is shorter than what was written to it");
            done += count;
        }
    }

    public void Dispose()
    {
        foreach (nint block in _blocks) NativeMemory.Free((void*)block);
        _blocks.Clear();
        _file?.Dispose();
        budget.Return(Memory, Disk);
        (Memory, Disk, _filled, _size) = (0, 0, 0, 0);
    }

    // 0: the system has no more.
    private nint Reserve(int bytes)
    {
        if (_filled + bytes > _size)
        {
            long size = Math.Max(bytes, Math.Clamp(Memory, SmallestBlock, LargestBlock));
            try
            {
                _blocks.Add((nint)NativeMemory.Alloc((nuint)size));
            }
            catch (OutOfMemoryException)
            {
                return 0;
            }
            (_filled, _size) = (0, size);
        }
        nint address = _blocks[^1] + (nint)_filled;
        _filled += bytes;
        return address;
    }

    private static SafeFileHandle Open(string folder)
    {
        string path = Path.Combine(folder, $"finetuning-states-{Guid.NewGuid():N}");
        // No other user may read what texts were turned into.
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        new FileStream(path, options).Dispose();
        SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose | FileOptions.RandomAccess);
        // Without a name it ends with the process, however that ends.
        if (!OperatingSystem.IsWindows()) File.Delete(path);
        return file;
    }
}

/// <summary>Where kept bytes are.</summary>
/// <param name="Address">In memory; 0: in the file.</param>
/// <param name="Offset">In the file.</param>
internal readonly record struct StatePosition(nint Address, long Offset);
