namespace FineTuning.Models;

/// <summary>How the linear layers of a frozen trunk are stored: in 4 or 8 bits a number, as bitsandbytes stores them.</summary>
/// <param name="Kind">The numbers. Default NF4.</param>
/// <remarks>Immutable. Embeddings, norms and heads keep their type. Activations are not quantised.</remarks>
public sealed record WeightQuantization(QuantizationKind Kind = QuantizationKind.NormalFloat4)
{
    /// <summary>Numbers that share a scale in 4 bits: 32, 64, 128, 256, 512, 1024, 2048 or 4096. Default 64.</summary>
    public int BlockSize { get; init; } = 64;

    /// <summary>Whether the scales of 4 bits are stored in 8 bits themselves (double quantisation, Dettmers et al. 2023, section 3). Default true.</summary>
    public bool IsNested { get; init; } = true;

    internal bool IsFourBit => Kind != QuantizationKind.Int8;

    internal void CollectViolations(List<string> violations)
    {
        if (!Enum.IsDefined(Kind)) violations.Add($"the quantisation is {Kind}, which there is not");
        if (BlockSize is < 32 or > 4096 || !int.IsPow2(BlockSize)) violations.Add($"BlockSize is {BlockSize}; it is a power of two from 32 to 4096");
    }
}

/// <summary>What a quantised number is.</summary>
public enum QuantizationKind
{
    /// <summary>The 16 quantiles of a normal distribution, by block (Dettmers et al. 2023).</summary>
    NormalFloat4,

    /// <summary>The 16 numbers of a floating point with 4 bits, by block.</summary>
    Float4,

    /// <summary>Whole numbers from -127 to 127, by row (Dettmers et al. 2022).</summary>
    Int8,
}
