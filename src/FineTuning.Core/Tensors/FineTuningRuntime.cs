using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using FineTuning.Errors;
using TorchSharp;

namespace FineTuning.Tensors;

/// <summary>The native tensor library under this one: loads it, and says what is there.</summary>
/// <remarks>Thread-safe. Every entry point of the library calls <see cref="Load"/>; an application that touches TorchSharp first calls it itself.</remarks>
public static class FineTuningRuntime
{
    private static readonly Lazy<NativeLoader.Outcome> Loaded = new(LoadOnce, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>Makes libtorch usable in this process; costs nothing once it is.</summary>
    /// <exception cref="NativeRuntimeException">Something is missing; the message says what to install.</exception>
    public static void Load() => _ = Loaded.Value;

    // Each has a stack and a slot in the team: far beyond the cores of any machine it only costs, and in the end crashes the process.
    private const int MostThreads = 1024;

    private static volatile int _wanted;

    [ThreadStatic]
    private static int _settled;

    /// <summary>Threads that one tensor operation uses; process-wide, for whatever this library computes.</summary>
    /// <value>From 1 to 1024; at first libtorch's choice, the number of cores.</value>
    public static int Threads
    {
        get
        {
            Load();
            Settle();
            return torch.get_num_threads();
        }
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MostThreads);
            Load();
            _wanted = value;
            Settle();
        }
    }

    /// <summary>
    /// Has the calling thread compute with the process's number of threads. libtorch counts by the thread that asks: one that never did computes its first
    /// products with as many as there are cores, whose sums round otherwise, and one that did before the number changed keeps the old.
    /// </summary>
    internal static void Settle()
    {
        int wanted = _wanted;
        if (_settled == wanted + 1) return;
        if (wanted > 0) torch.set_num_threads(wanted);
        else _ = torch.get_num_threads();
        _settled = wanted + 1;
    }

    /// <summary>
    /// What this machine offers and what was done to load libtorch; never throws: what is wrong stands in <see cref="RuntimeDiagnosis.Problem"/>.
    /// </summary>
    public static RuntimeDiagnosis Diagnose()
    {
        string? problem = null;
        NativeLoader.Outcome? outcome = null;
        try
        {
            outcome = Loaded.Value;
        }
        catch (NativeRuntimeException failure)
        {
            problem = failure.Message;
        }
        bool cuda = problem is null && DeviceChoice.CudaIsAvailable;
        return new RuntimeDiagnosis
        {
            Library = typeof(FineTuningRuntime).Assembly.GetName().Version?.ToString(3) ?? "",
            TorchSharp = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "",
            LibTorch = problem is null ? torch.__version__ : null,
            DotNet = RuntimeInformation.FrameworkDescription,
            OperatingSystem = RuntimeInformation.OSDescription,
            Processor = RuntimeInformation.ProcessArchitecture.ToString(),
            ProcessorFeatures = CpuFeatures.Names,
            Cores = Environment.ProcessorCount,
            Threads = problem is null ? torch.get_num_threads() : 0,
            Devices = problem is not null ? [] : cuda ? ["cpu", .. Enumerable.Range(0, torch.cuda.device_count()).Select(i => $"cuda:{i}")] : ["cpu"],
            Loading = outcome?.Summary ?? "not loaded",
            Problem = problem,
        };
    }

    private static NativeLoader.Outcome LoadOnce()
    {
        NativeLoader.Outcome outcome = NativeLoader.Load();
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
        }
        catch (Exception failure) when (failure is TypeInitializationException or NotSupportedException or DllNotFoundException or InvalidOperationException)
        {
            throw new NativeRuntimeException(
                $"TorchSharp could not start ({(failure.InnerException ?? failure).Message}). Add one native package to the application's project: " +
                "libtorch-cpu-linux-x64, libtorch-cpu-win-x64, libtorch-cpu-osx-arm64 (2.10.0) or a TorchSharp-cuda package.", failure);
        }
        AddressSpace.Prepare();
        return outcome;
    }
}

/// <summary>What a machine offers and what was done to load libtorch.</summary>
public sealed class RuntimeDiagnosis
{
    internal RuntimeDiagnosis()
    {
    }

    /// <summary>This library's version.</summary>
    public string Library { get; internal init; } = "";

    /// <summary>TorchSharp's version.</summary>
    public string TorchSharp { get; internal init; } = "";

    /// <summary>libtorch's version. Null: it is not loaded.</summary>
    public string? LibTorch { get; internal init; }

    /// <summary>The .NET runtime.</summary>
    public string DotNet { get; internal init; } = "";

    /// <summary>The operating system.</summary>
    public string OperatingSystem { get; internal init; } = "";

    /// <summary>The processor's architecture.</summary>
    public string Processor { get; internal init; } = "";

    /// <summary>Instruction sets that matter for speed, for example <c>avx2</c>, <c>avx512</c>, <c>avx512_bf16</c>, <c>amx</c>.</summary>
    public IReadOnlyList<string> ProcessorFeatures { get; internal init; } = [];

    /// <summary>Logical cores.</summary>
    public int Cores { get; internal init; }

    /// <summary>Threads that one tensor operation uses; 0: libtorch is not loaded.</summary>
    public int Threads { get; internal init; }

    /// <summary>Where tensors can be: <c>cpu</c>, <c>cuda:0</c> and so on.</summary>
    public IReadOnlyList<string> Devices { get; internal init; } = [];

    /// <summary>What was done to load libtorch.</summary>
    public string Loading { get; internal init; } = "";

    /// <summary>What is wrong and what to install. Null: nothing.</summary>
    public string? Problem { get; internal init; }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"FineTuning.Core {Library}, TorchSharp {TorchSharp}, libtorch {LibTorch ?? "not loaded"}")
            .AppendLine(CultureInfo.InvariantCulture, $"{DotNet} on {OperatingSystem} ({Processor}: {string.Join(", ", ProcessorFeatures)})")
            .AppendLine(CultureInfo.InvariantCulture, $"{Cores} cores, {Threads} threads; "
                + $"devices: {(Devices.Count == 0 ? "none" : string.Join(", ", Devices))}")
            .Append(Loading);
        if (Problem is not null) text.AppendLine().Append("PROBLEM: ").Append(Problem);
        return text.ToString();
    }
}
