using System.Globalization;
using System.Runtime.InteropServices;

namespace FineTuning.Processes;

/// <summary>The process's limit of memory that it may map (RLIMIT_AS on Linux): what goes beyond is refused, not killed.</summary>
internal static partial class AddressSpace
{
    private const int RlimitAs = 9;

    /// <summary>Leaves so many bytes more than are mapped now.</summary>
    public static void Leave(long bytes)
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmSize:", StringComparison.Ordinal));
        long mapped = long.Parse(line["VmSize:".Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) << 10;
        var limit = new Limit { Soft = (nuint)(mapped + bytes), Hard = nuint.MaxValue };
        if (setrlimit(RlimitAs, in limit) != 0) throw new InvalidOperationException($"the limit was refused: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setrlimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
