using System.Globalization;
using System.Runtime.InteropServices;

namespace FineTuning.Tensors;

/// <summary>The address space of the process, where it is limited (<c>ulimit -v</c>): the limit, and how much is left.</summary>
internal static partial class AddressSpace
{
    // glibc's M_MMAP_THRESHOLD and M_ARENA_MAX.
    private const int MappingThreshold = -3, MostArenas = -8;
    private const int SmallestMapping = 1 << 20, Arenas = 2;

    /// <summary>What native code needs beside tensors: kernels, buffers, stacks of its threads.</summary>
    public static long Reserve => (96L + (16L * FineTuningRuntime.Threads)) << 20;

    /// <summary>The limit in bytes. Null: there is none, or none is known.</summary>
    /// <param name="root">Where /proc is.</param>
    public static long? Limit(string root = "/")
    {
        if (!OperatingSystem.IsLinux()) return null;
        const string Name = "Max address space";
        string? line = MemoryLimit.Lines(Path.Combine(root, "proc", "self", "limits")).FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
        string? soft = line?[Name.Length..].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(soft, CultureInfo.InvariantCulture, out long limit) && limit > 0 ? limit : null;
    }

    /// <summary>The bytes that the process may still map. Null: there is no limit.</summary>
    /// <param name="root">Where /proc is.</param>
    public static long? Left(string root = "/")
    {
        if (Limit(root) is not { } limit) return null;
        string? pages = MemoryLimit.Lines(Path.Combine(root, "proc", "self", "statm")).FirstOrDefault()?.Split(' ')[0];
        bool isKnown = long.TryParse(pages, CultureInfo.InvariantCulture, out long mapped);
        return isKnown ? Math.Max(0, limit - (mapped * Environment.SystemPageSize)) : null;
    }

    /// <summary>
    /// Where there is a limit: from now on a tensor of 1 MB or more is a mapping of its own, which ends with it, so that what is left can be counted;
    /// and threads share two heaps, each of which reserves 64 MB. It costs the clearing of every such tensor.
    /// </summary>
    public static void Prepare()
    {
        if (Left() is null) return;
        try
        {
            _ = mallopt(MappingThreshold, SmallestMapping);
            _ = mallopt(MostArenas, Arenas);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no such function, and maps sooner.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int mallopt(int parameter, int value);
}
