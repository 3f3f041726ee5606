using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>The bytes of a tensor on the CPU, for filling and reading without a copy.</summary>
internal static unsafe partial class TensorMemory
{
    /// <summary>Where a contiguous CPU tensor's first element stands.</summary>
    public static nint DataPointer(this Tensor tensor) => tensor.is_contiguous() ? tensor.StridedPointer()
        : throw new ArgumentException("the tensor is not contiguous", nameof(tensor));

    /// <summary>Where a CPU tensor's first element stands; the others follow by its strides.</summary>
    public static nint StridedPointer(this Tensor tensor)
    {
        if (tensor.device_type != TorchSharp.DeviceType.CPU) throw new ArgumentException("the tensor is not on the CPU", nameof(tensor));
        nint pointer = THSTensor_data(tensor.Handle);
        GC.KeepAlive(tensor);
        return pointer;
    }

    /// <summary>The elements of a contiguous CPU tensor, in place.</summary>
    public static Span<T> Elements<T>(this Tensor tensor)
        where T : unmanaged => new((void*)tensor.DataPointer(), checked((int)tensor.numel()));

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_data(nint handle);
}
