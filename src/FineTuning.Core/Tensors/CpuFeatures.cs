using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace FineTuning.Tensors;

/// <summary>What the processor can do that decides how fast a step is.</summary>
internal static class CpuFeatures
{
    // Intel's manual, CPUID leaf 7: sub-leaf 1 EAX bit 5 is AVX512_BF16; sub-leaf 0 EDX bit 22 is AMX-BF16.
    private const int Avx512BFloat16Bit = 5;
    private const int AmxBFloat16Bit = 22;

    /// <summary>Whether bfloat16 products are computed by instructions of their own (about twice as fast as float32).</summary>
    public static bool HasBFloat16 { get; } = X86Base.IsSupported && HasLeafSeven && (Avx512BFloat16 || AmxBFloat16);

    public static IReadOnlyList<string> Names { get; } = [.. List()];

    private static bool HasLeafSeven => X86Base.CpuId(0, 0).Eax >= 7;

    private static bool Avx512BFloat16 => ((X86Base.CpuId(7, 1).Eax >> Avx512BFloat16Bit) & 1) == 1;

    private static bool AmxBFloat16 => ((X86Base.CpuId(7, 0).Edx >> AmxBFloat16Bit) & 1) == 1;

    private static IEnumerable<string> List()
    {
        if (Avx2.IsSupported) yield return "avx2";
        if (Avx512F.IsSupported) yield return "avx512";
        if (X86Base.IsSupported && HasLeafSeven && Avx512BFloat16) yield return "avx512_bf16";
        if (X86Base.IsSupported && HasLeafSeven && AmxBFloat16) yield return "amx_bf16";
        if (AdvSimd.IsSupported) yield return "neon";
    }
}
