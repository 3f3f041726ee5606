using System.Runtime.InteropServices;

namespace FineTuning.Tensors;

/// <summary>Failures that say that an allocation did not succeed.</summary>
internal static class MemoryFailure
{
    // What libtorch's allocators say: on Linux and macOS, on Windows, on a GPU.
    private static readonly string[] Messages = ["can't allocate memory", "not enough memory", "out of memory"];

    /// <summary>Whether memory was the cause.</summary>
    public static bool Is(Exception failure) => failure is OutOfMemoryException
        || (failure is ExternalException && Array.Exists(Messages, text => failure.Message.Contains(text, StringComparison.Ordinal)))
        || (failure.InnerException is { } inner && Is(inner));
}
