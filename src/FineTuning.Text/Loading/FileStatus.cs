using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace FineTuning.Text;

/// <summary>What a name in the file system is.</summary>
internal enum FileKind
{
    /// <summary>An ordinary file.</summary>
    Regular,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A link, where links were not followed.</summary>
    Link,

    /// <summary>A pipe, a socket or a device: reading may never end.</summary>
    Other,
}

/// <summary>What Linux says of a file. Two files that were never the same differ in one of these.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Permissions">The nine bits of who may do what.</param>
/// <param name="User">The owner.</param>
/// <param name="Device">The file system.</param>
/// <param name="Mount">Where that is mounted; 0 where the kernel does not say.</param>
/// <param name="Number">The inode.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Created">Nanoseconds, 0 where the file system does not know.</param>
/// <param name="Modified">Nanoseconds.</param>
/// <param name="Changed">Nanoseconds.</param>
internal readonly partial record struct FileStatus(FileKind Kind, int Permissions, uint User, ulong Device, ulong Mount, ulong Number, long Size,
    long Created, long Modified, long Changed)
{
    private const int CurrentFolder = -100, NoFollow = 0x100;
    private const uint AllFields = 0x1FFF;

    /// <summary>What a name is. False where it cannot be told: <paramref name="error"/> is the system's number, or 0 where this is not Linux.</summary>
    public static bool TryRead(string path, bool follow, out FileStatus status, out int error)
    {
        (status, error) = (default, 0);
        if (!OperatingSystem.IsLinux()) return false;
        Span<byte> buffer = stackalloc byte[256];
        try
        {
            if (StatusOf(CurrentFolder, path, follow ? 0 : NoFollow, AllFields, ref MemoryMarshal.GetReference(buffer)) != 0)
            {
                error = Marshal.GetLastPInvokeError();
                return false;
            }
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
        status = Parse(buffer);
        return true;
    }

    // Linux's struct statx is the same on every processor.
    private static FileStatus Parse(ReadOnlySpan<byte> buffer)
    {
        int mode = BinaryPrimitives.ReadUInt16LittleEndian(buffer[28..]);
        FileKind kind = (mode & 0xF000) switch { 0x8000 => FileKind.Regular, 0x4000 => FileKind.Folder, 0xA000 => FileKind.Link, _ => FileKind.Other };
        ulong device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(buffer[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(buffer[140..]);
        return new(kind, mode & 0x1FF, BinaryPrimitives.ReadUInt32LittleEndian(buffer[20..]), device, BinaryPrimitives.ReadUInt64LittleEndian(buffer[144..]),
            BinaryPrimitives.ReadUInt64LittleEndian(buffer[32..]), BinaryPrimitives.ReadInt64LittleEndian(buffer[40..]), Time(buffer[80..]),
            Time(buffer[112..]), Time(buffer[96..]));
    }

    private static long Time(ReadOnlySpan<byte> stamp) =>
        unchecked((BinaryPrimitives.ReadInt64LittleEndian(stamp) * 1_000_000_000) + BinaryPrimitives.ReadUInt32LittleEndian(stamp[8..]));

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatusOf(int folder, string path, int flags, uint mask, ref byte buffer);
}
