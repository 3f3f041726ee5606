using System.Diagnostics;
using System.Runtime.InteropServices;

namespace FineTuning.Tensors;

/// <summary>How much memory the process holds, and giving back what the allocator keeps.</summary>
internal static partial class ProcessMemory
{
    /// <summary>The most memory that was resident at any time, in bytes.</summary>
    public static long Peak
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }

    /// <summary>The memory that is resident now, in bytes.</summary>
    public static long Current
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    /// <summary>Gives freed memory back to the system; glibc keeps what batches of varying shapes leave behind. Does nothing elsewhere.</summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no such function, and keeps less.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int malloc_trim(nuint pad);
}
