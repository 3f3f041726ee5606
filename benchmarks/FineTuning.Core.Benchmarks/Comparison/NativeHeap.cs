using System.Runtime.InteropServices;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What the native allocator has given out and what it keeps for later (glibc's mallinfo2); 0 where there is no glibc.</summary>
internal static partial class NativeHeap
{
    /// <summary>Bytes that are allocated, in the heap and in mappings of their own.</summary>
    public static long Used => Read() is { } info ? (long)(info.UsedInHeap + info.Mapped) : 0;

    /// <summary>Bytes of the heap that are free.</summary>
    public static long Free => Read() is { } info ? (long)info.FreeInHeap : 0;

    /// <summary>Bytes in mappings of their own.</summary>
    public static long Mapped => Read() is { } info ? (long)info.Mapped : 0;

    /// <summary>Looks every few milliseconds, until it is disposed, when most was in use.</summary>
    public sealed class Watch : IDisposable
    {
        private readonly CancellationTokenSource _end = new();
        private readonly Thread _thread;

        public Watch()
        {
            _thread = new Thread(Look) { IsBackground = true, Name = "native heap" };
            _thread.Start();
        }

        /// <summary>The most bytes that were allocated.</summary>
        public long MostUsed { get; private set; }

        /// <summary>Bytes of the heap that were free at that time.</summary>
        public long FreeThen { get; private set; }

        public void Dispose()
        {
            _end.Cancel();
            _thread.Join();
            _end.Dispose();
        }

        private void Look()
        {
            while (!_end.Token.WaitHandle.WaitOne(4))
            {
                if (Read() is not { } info) return;
                long used = (long)(info.UsedInHeap + info.Mapped);
                if (used > MostUsed) (MostUsed, FreeThen) = (used, (long)info.FreeInHeap);
            }
        }
    }

    private static Info? Read()
    {
        if (!OperatingSystem.IsLinux()) return null;
        try
        {
            return mallinfo2();
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport("libc")]
    private static partial Info mallinfo2();

    [StructLayout(LayoutKind.Sequential)]
    private struct Info
    {
        public nuint Arena;
        public nuint FreeChunks;
        public nuint FastChunks;
        public nuint Mappings;
        public nuint Mapped;
        public nuint Unused;
        public nuint FreeFast;
        public nuint UsedInHeap;
        public nuint FreeInHeap;
        public nuint Top;
    }
}
