using System.Runtime.CompilerServices;
using FineTuning.Tensors;

namespace FineTuning.Tests;

/// <summary>Makes libtorch usable before any test touches it.</summary>
internal static class TorchFixture
{
    [ModuleInitializer]
    internal static void Load()
    {
        FineTuningRuntime.Load();
        // Test classes run side by side: with a team of threads for each, the cores would be shared by many times their number and mostly wait.
        FineTuningRuntime.Threads = 1;
    }
}
