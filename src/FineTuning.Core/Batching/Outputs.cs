using FineTuning.Errors;
using static TorchSharp.torch;

namespace FineTuning.Batching;

/// <summary>A network's outputs on their way to an answer.</summary>
internal static class Outputs
{
    /// <summary>The numbers of a tensor, in its order, in the processor's memory.</summary>
    /// <param name="outputs">Any shape, float32.</param>
    /// <exception cref="NonFiniteException">One of them is NaN or infinite.</exception>
    public static float[] Read(Tensor outputs)
    {
        float[] values = outputs.cpu().data<float>().ToArray();
        RequireFinite(values);
        return values;
    }

    /// <exception cref="NonFiniteException">A number is NaN or infinite.</exception>
    public static void RequireFinite(ReadOnlySpan<float> values)
    {
        // Zero times anything finite is zero, and nothing else is.
        float sum = 0;
        foreach (float value in values) sum += value * 0;
        if (sum != 0 || float.IsNaN(sum)) throw NotFinite();
    }

    /// <exception cref="NonFiniteException">A number is NaN or infinite.</exception>
    public static void RequireFinite(ReadOnlySpan<double> values)
    {
        foreach (double value in values)
        {
            if (!double.IsFinite(value)) throw NotFinite();
        }
    }

    private static NonFiniteException NotFinite() => new(
        "the model computed numbers that are NaN or infinite, so it has no answer; its weights are damaged or too large for the type in which it computes: "
        + "load a checkpoint that is whole, or train again with a lower learning rate");
}
