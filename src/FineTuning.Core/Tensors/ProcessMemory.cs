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

    /// <summary>By how many bytes the resident memory rose at its highest while something ran.</summary>
    /// <remarks>The system's own count where it can be begun anew (Linux); else the memory is looked at every millisecond.</remarks>
    /// <param name="action">Runs on this thread.</param>
    public static long Rise(Action action)
    {
        Trim();
        if (OperatingSystem.IsLinux() && TryResetPeak())
        {
            long before = Status("VmRSS:");
            action();
            return Math.Max(0, Status("VmHWM:") - before);
        }
        long start = Current, highest = start;
        bool ended = false;
        var watcher = new Thread(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                highest = Math.Max(highest, Current);
                Thread.Sleep(1);
            }
        }) { IsBackground = true };
        watcher.Start();
        try
        {
            action();
        }
        finally
        {
            Volatile.Write(ref ended, true);
            watcher.Join();
        }
        return highest - start;
    }

    private static bool TryResetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long Status(string field)
    {
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (!line.StartsWith(field, StringComparison.Ordinal)) continue;
            return long.Parse(line.AsSpan(field.Length).Trim().TrimEnd("kB").Trim(), System.Globalization.CultureInfo.InvariantCulture) << 10;
        }
        return 0;
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int malloc_trim(nuint pad);
}
