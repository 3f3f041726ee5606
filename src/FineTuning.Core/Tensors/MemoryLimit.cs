using System.Globalization;

namespace FineTuning.Tensors;

/// <summary>
/// How much memory the process may use: the smallest limit of the control groups that it is in, or what the machine has, or what fits into its address space.
/// </summary>
internal static class MemoryLimit
{
    // Version 1 writes the largest multiple of a page where there is no limit.
    private const long Unlimited = 1L << 60;

    /// <summary>In bytes.</summary>
    public static long Current()
    {
        long machine = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        long? physical = OperatingSystem.IsLinux() ? OfMachine("/") : null, group = OperatingSystem.IsLinux() ? OfGroups("/") : null;
        long space = AddressSpace.Left() is { } left ? Math.Max(1, ProcessMemory.Current + left - AddressSpace.Reserve) : long.MaxValue;
        return Math.Min(space, Math.Min(group ?? long.MaxValue, physical ?? machine));
    }

    /// <summary>The smallest limit of the process's control group and those above it, of version 1 or 2. Null: there is none.</summary>
    /// <param name="root">Where /proc and /sys are.</param>
    public static long? OfGroups(string root)
    {
        long? smallest = null;
        foreach (string line in Lines(Path.Combine(root, "proc", "self", "cgroup")))
        {
            // number:controllers:path, with no controllers in version 2.
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3 || (parts[1].Length > 0 && !parts[1].Split(',').Contains("memory"))) continue;
            bool second = parts[1].Length == 0;
            string mount = Path.Combine(root, "sys", "fs", "cgroup", second ? "" : "memory");
            // A container may see its group's path as the host's, but its own files at the root of the mount.
            for (string? path = parts[2].Trim('/'); path is not null; path = path.Length == 0 ? null : Path.GetDirectoryName(path) ?? "")
            {
                string? text = Lines(Path.Combine(mount, path, second ? "memory.max" : "memory.limit_in_bytes")).FirstOrDefault();
                bool isLimit = long.TryParse(text, CultureInfo.InvariantCulture, out long limit) && limit is > 0 and < Unlimited;
                if (isLimit) smallest = Math.Min(smallest ?? limit, limit);
            }
        }
        return smallest;
    }

    /// <summary>The machine's memory. Null: it is not known.</summary>
    /// <param name="root">Where /proc is.</param>
    public static long? OfMachine(string root)
    {
        string? line = Lines(Path.Combine(root, "proc", "meminfo")).FirstOrDefault(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        string? number = line?.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(1);
        return long.TryParse(number, CultureInfo.InvariantCulture, out long kilobytes) && kilobytes is > 0 and < Unlimited >> 10 ? kilobytes << 10 : null;
    }

    /// <summary>The lines of a file; none where it cannot be read.</summary>
    public static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
