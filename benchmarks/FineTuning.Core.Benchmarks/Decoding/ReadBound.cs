using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FineTuning.Benchmarks.Decoding;

/// <summary>How fast this machine reads memory: the sum over an array that no cache holds, on several threads.</summary>
internal sealed unsafe class ReadBound : IDisposable
{
    private const long Numbers = 96L << 20;

    private readonly float* _array;

    public ReadBound()
    {
        _array = (float*)NativeMemory.AlignedAlloc((nuint)Numbers * sizeof(float), 64);
        for (long i = 0; i < Numbers; i++) _array[i] = 1;
    }

    /// <summary>Bytes a second, the best of some passes: by the clock, and by the time that the processor gave (on one thread).</summary>
    public (double Clock, double Processor) Measure(int threads, int passes = 5)
    {
        (double clock, double processor) = (0, 0);
        for (int pass = 0; pass < passes; pass++)
        {
            double used = Environment.CpuUsage.TotalTime.TotalSeconds;
            long started = Stopwatch.GetTimestamp();
            Thread[] team = [.. Enumerable.Range(1, threads - 1).Select(part => new Thread(() => Sum(part, threads)))];
            foreach (Thread thread in team) thread.Start();
            Sum(0, threads);
            foreach (Thread thread in team) thread.Join();
            clock = Math.Max(clock, Numbers * sizeof(float) / Stopwatch.GetElapsedTime(started).TotalSeconds);
            processor = Math.Max(processor, Numbers * sizeof(float) / (Environment.CpuUsage.TotalTime.TotalSeconds - used));
        }
        return (clock, processor);
    }

    public void Dispose() => NativeMemory.AlignedFree(_array);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sum(int part, int parts)
    {
        float* array = _array + (Numbers / parts * part);
        Vector512<float> first = default, second = default, third = default, fourth = default;
        for (long i = 0; i + 64 <= Numbers / parts; i += 64)
        {
            first += Vector512.Load(array + i);
            second += Vector512.Load(array + i + 16);
            third += Vector512.Load(array + i + 32);
            fourth += Vector512.Load(array + i + 48);
        }
        if (Vector512.Sum(first + second + third + fourth) <= 0) throw new InvalidOperationException("the sum of ones is not positive");
    }
}
