using System.Runtime.CompilerServices;
using FineTuning.Tensors;

namespace FineTuning.Extensions.Tests;

/// <summary>Makes libtorch usable before any test touches it.</summary>
internal static class TorchFixture
{
    [ModuleInitializer]
    internal static void Load()
    {
        FineTuningRuntime.Load();
        FineTuningRuntime.Threads = 1;
    }
}
