using System.Runtime.InteropServices;

namespace FineTuning.Tensors;

/// <summary>What Linux does with files that .NET has no call for. Everything here has a way round where the system is another.</summary>
internal static partial class Posix
{
    public const int NoEntry = 2, NoPermission = 13, Exists = 17, NotAFolder = 20, Invalid = 22, TooManyLinks = 40;

    private const int CurrentFolder = -100;
    private const int ReadFolder = 0x10000 | 0x80000; // O_DIRECTORY | O_CLOEXEC
    private const uint Exchange = 2;

    /// <summary>The user that the process runs as. Null: the system has no such number.</summary>
    public static uint? User => OperatingSystem.IsLinux() ? EffectiveUser() : null;

    /// <summary>Makes what was written into a folder survive a loss of power. Does nothing where the system has no such call.</summary>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        // A flag of Linux; elsewhere a folder is opened like a file.
        int descriptor = Open(folder, OperatingSystem.IsLinux() ? ReadFolder : 0);
        if (descriptor < 0) return;
        // Some network file systems refuse; there is nothing better to do.
        _ = Sync(descriptor);
        _ = Close(descriptor);
    }

    /// <summary>Exchanges two names in one step. False: the system or the file system cannot, or it failed with <paramref name="error"/>.</summary>
    public static bool TryExchange(string first, string second, out int error)
    {
        error = 0;
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            if (Rename(CurrentFolder, first, CurrentFolder, second, Exchange) == 0) return true;
            error = Marshal.GetLastPInvokeError();
        }
        catch (EntryPointNotFoundException)
        {
            // A C library that is older than the call.
        }
        return false;
    }

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
