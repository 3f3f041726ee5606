using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Which devices can be used, asked so that a missing CUDA is an answer and never an exception.</summary>
internal static class DeviceChoice
{
    private static readonly Lazy<bool> Cuda = new(TryCuda);

    public static bool CudaIsAvailable => Cuda.Value;

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
