namespace FineTuning.Tensors;

/// <summary>Shapes that files claim, before anything is allocated for them.</summary>
internal static class TensorShape
{
    /// <summary>What libtorch's own loops take.</summary>
    public const int MostDimensions = 64;

    // Strides are products of the dimensions, those of empty tensors included.
    private const long MostElements = 1L << 56;

    /// <summary>How many elements a tensor of the shape has.</summary>
    /// <exception cref="InvalidDataException">The shape has too many dimensions, or no memory could hold it.</exception>
    public static long Elements(IReadOnlyList<long> shape)
    {
        if (shape.Count > MostDimensions) throw new InvalidDataException($"a shape has {shape.Count} dimensions; at most {MostDimensions} are allowed");
        long product = 1;
        bool empty = false;
        foreach (long dimension in shape)
        {
            if (dimension < 0) throw new InvalidDataException($"a shape has the dimension {dimension}");
            empty |= dimension == 0;
            if (dimension > 0 && product > MostElements / dimension) throw new InvalidDataException("a shape is larger than any memory");
            product *= Math.Max(dimension, 1);
        }
        return empty ? 0 : product;
    }
}
