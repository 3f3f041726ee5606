using System.Runtime.InteropServices;
using SharpFuzz;
using SharpFuzz.Common;

namespace FineTuning.Fuzz;

/// <summary>Which branches of the library a run has taken, and how often, as the library's instrumented copy counts them.</summary>
internal sealed unsafe class Coverage
{
    private const int Size = 1 << 16;

    private readonly byte[] _seen = new byte[Size];

    // Where nothing runs that is instrumented, the map stays empty.
    public Coverage() => Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(Size);

    public int Found { get; private set; }

    /// <summary>Makes the library of a folder count its branches.</summary>
    public static void Instrument(string folder)
    {
        Fuzzer.Instrument(Path.Combine(folder, "FineTuning.Text.dll"), type => type.StartsWith("FineTuning.Text", StringComparison.Ordinal), Options.Value);
        // What reads files; not what computes.
        string[] rooms = ["FineTuning.Tensors", "FineTuning.Models.Config", "FineTuning.Models.Families", "FineTuning.Examples"];
        Fuzzer.Instrument(Path.Combine(folder, "FineTuning.Core.dll"), type => Array.Exists(rooms, room => type.StartsWith(room, StringComparison.Ordinal)), Options.Value);
    }

    public static void Clear()
    {
        new Span<byte>(Trace.SharedMem, Size).Clear();
        Trace.PrevLocation = 0;
    }

    /// <summary>Whether the run since <see cref="Clear"/> took a branch, or took it so often, as none before.</summary>
    public bool IsNew()
    {
        bool found = false;
        var counts = new ReadOnlySpan<byte>(Trace.SharedMem, Size);
        for (int at = counts.IndexOfAnyExcept((byte)0); at >= 0;)
        {
            byte bucket = Bucket(counts[at]);
            if ((_seen[at] & bucket) == 0)
            {
                found = true;
                if (_seen[at] == 0) Found++;
                _seen[at] |= bucket;
            }
            int next = counts[(at + 1)..].IndexOfAnyExcept((byte)0);
            at = next < 0 ? -1 : at + 1 + next;
        }
        return found;
    }

    private static byte Bucket(byte count) => count switch { 1 => 1, 2 => 2, 3 => 4, < 8 => 8, < 16 => 16, < 32 => 32, < 128 => 64, _ => 128 };
}
