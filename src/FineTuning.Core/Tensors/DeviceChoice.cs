using System.Globalization;
using System.Runtime.InteropServices;
using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Which devices can be used, asked so that a missing CUDA is an answer and never an exception.</summary>
internal static class DeviceChoice
{
    private static readonly Lazy<bool> Cuda = new(TryCuda);

    public static bool CudaIsAvailable => Cuda.Value;

    /// <summary>The device of a name: cpu, cuda, cuda:0 and so on, or auto (a GPU where there is one).</summary>
    /// <exception cref="InvalidOptionsException">The name is unknown, or there is no such device.</exception>
    public static Device Resolve(string name)
    {
        FineTuningRuntime.Load();
        if (name == "cpu" || (name == "auto" && !CudaIsAvailable)) return CPU;
        if (name == "auto") return new Device(DeviceType.CUDA, 0);
        int index = 0;
        bool isCuda = name == "cuda"
            || (name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out index));
        if (!isCuda) throw new InvalidOptionsException([$"Device is '{name}': it is cpu, cuda, cuda:0 and so on, or auto"]);
        if (!CudaIsAvailable)
            throw new InvalidOptionsException([$"Device is '{name}', but no CUDA device can be used here; FineTuningRuntime.Diagnose() says what there is"]);
        if (index >= cuda.device_count()) throw new InvalidOptionsException([$"Device is '{name}', but there are {cuda.device_count()} CUDA devices"]);
        return new Device(DeviceType.CUDA, index);
    }

    private static bool TryCuda()
    {
        FineTuningRuntime.Load();
        try
        {
            return TryInitializeDeviceType(DeviceType.CUDA) && cuda.is_available();
        }
        catch (Exception failure) when (failure is TypeInitializationException or NotSupportedException or DllNotFoundException or ExternalException)
        {
            return false;
        }
    }
}
