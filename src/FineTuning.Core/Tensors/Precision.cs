namespace FineTuning.Tensors;

/// <summary>The type in which matrix products are computed, or weights are stored; the weights that train are float32 in either case.</summary>
public enum Precision
{
    /// <summary>32-bit floating point: the default, equal to the reference up to rounding.</summary>
    Float32,

    /// <summary>bfloat16 products over float32 masters: about twice as fast where the processor has the instructions.</summary>
    BFloat16,
}
