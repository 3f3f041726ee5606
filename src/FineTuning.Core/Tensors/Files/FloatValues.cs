using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Numbers of a file as float32, without losing any.</summary>
internal static class FloatValues
{
    /// <summary>The largest number of bfloat16, 255/128 * 2^127: what is larger is infinite as soon as a pass computes in it.</summary>
    public const double LargestBFloat16 = 3.3895313892515355e38;

    /// <summary>A tensor of weights.</summary>
    /// <param name="source">The file.</param>
    /// <param name="name">The tensor's name.</param>
    /// <param name="type">In which type it is wanted.</param>
    /// <exception cref="CheckpointException">The file holds integers of that name, or numbers beyond float32.</exception>
    public static Tensor ReadWeight(this ITensorSource source, string name, ScalarType type = ScalarType.Float32)
    {
        StoredTensor entry = source.Tensors[name];
        if (entry.DataType is "F64" or "F32" or "F16" or "BF16" || StoredTypes.TypeOf(entry.DataType) is null) return source.ReadAs(name, type);
        throw new CheckpointException(
            entry.File,
            $"tensor '{name}' holds integers ({entry.DataType}) where the numbers of a weight (F32, F16, BF16 or F64) were expected: "
            + "the checkpoint is quantized. Take the checkpoint that it was made from, or save it dequantized (model.dequantize() in transformers)");
    }

    /// <summary>Float32 of floating point of any width, as a new tensor.</summary>
    /// <exception cref="CheckpointException">A finite number is beyond float32.</exception>
    public static Tensor ToFloat32(Tensor stored, string path, string name)
    {
        Tensor result = stored.to(ScalarType.Float32, copy: true);
        if (stored.dtype != ScalarType.Float64) return result;
        using var scope = NewDisposeScope();
        Tensor lost = stored.isfinite().logical_and(result.isinf());
        if (!lost.any().item<bool>()) return result;
        double value = stored.masked_select(lost)[0].item<double>();
        result.Dispose();
        throw new CheckpointException(path, string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"tensor '{name}' holds {value}, which float32 cannot (its largest number is {float.MaxValue}); scale the weight, or take another checkpoint"));
    }
}
