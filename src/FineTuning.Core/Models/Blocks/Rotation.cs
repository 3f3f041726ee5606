using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Cosines and sines of the angles by which queries and keys are turned (Su et al. 2021, equation 34).</summary>
/// <param name="Cosine">[tokens, width / 2], or [batch, 1, tokens, width / 2] where rows differ; float32</param>
/// <param name="Sine">Of the same shape.</param>
/// <param name="Interleaved">Whether channel 2i turns with channel 2i + 1. False: channel i with channel i + width / 2.</param>
internal sealed record Rotation(Tensor Cosine, Tensor Sine, bool Interleaved = false)
{
    /// <summary>The inverse wavelengths base^(-2 i / width), in float32 as the reference computes them, whatever the weights' type.</summary>
    /// <param name="width">The channels that are turned; even.</param>
    /// <param name="wavelengthBase">The base of the geometric series, for example 10000.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>[width / 2], float32</returns>
    public static Tensor Frequencies(long width, double wavelengthBase, Device device)
    {
        Tensor exponents = arange(Held(0), Held(width), Held(2), ScalarType.Int64, device).to(ScalarType.Float32) / Held((float)width);
        return full(exponents.shape, Held((float)wavelengthBase), ScalarType.Float32, device).pow(exponents).reciprocal();
    }

    /// <summary>The angles of positions.</summary>
    /// <param name="frequencies">[width / 2], float32</param>
    /// <param name="positions">[tokens] or [batch, tokens], int64</param>
    /// <param name="factor">Of cosines and sines (YaRN's attention factor).</param>
    /// <param name="interleaved">Which channels turn together.</param>
    public static Rotation At(Tensor frequencies, Tensor positions, double factor = 1, bool interleaved = false)
    {
        Tensor angles = positions.to(ScalarType.Float32).unsqueeze(-1) * frequencies;
        if (positions.dim() == 2) angles = angles.unsqueeze(1);
        return factor == 1 ? new(angles.cos(), angles.sin(), interleaved) : new(angles.cos() * Held(factor), angles.sin() * Held(factor), interleaved);
    }

    /// <summary>The rotation of one token a row.</summary>
    public Rotation Of(Wanted wanted) => Cosine.dim() == 2
        ? this with { Cosine = wanted.OfTable(Cosine), Sine = wanted.OfTable(Sine) }
        : this with { Cosine = wanted.Along(Cosine, 2), Sine = wanted.Along(Sine, 2) };

    /// <summary>Turns the first channels of each head; those beyond the angles' width stay.</summary>
    /// <param name="input">[batch, heads, tokens, width or more]</param>
    /// <param name="fuses">Whether it may round in another order than with gradients; see <see cref="ForwardContext.IsDecoding"/>.</param>
    /// <returns>The shape and type of the input.</returns>
    public Tensor Turn(Tensor input, bool fuses = false)
    {
        if (fuses && !Interleaved && FusedRows.TryTurn(input, Cosine, Sine) is { } fused) return fused;
        long half = Cosine.shape[^1], width = input.shape[^1];
        Tensor channels = width == 2 * half ? input : input.narrow(-1, 0, 2 * half);
        Tensor turned = Interleaved ? TurnNeighbours(channels, half) : TurnHalves(channels, half);
        if (turned.dtype != input.dtype) turned = turned.to(input.dtype);
        return width == 2 * half ? turned : cat([turned, input.narrow(-1, 2 * half, width - (2 * half))], -1);
    }

    // Angles in float32 and a product in bfloat16 are multiplied in float32.
    private Tensor TurnHalves(Tensor channels, long half)
    {
        Tensor left = channels.narrow(-1, 0, half), right = channels.narrow(-1, half, half);
        return cat([(left * Cosine) - (right * Sine), (right * Cosine).Plus(left * Sine)], -1);
    }

    private Tensor TurnNeighbours(Tensor channels, long half)
    {
        Tensor[] pair = channels.unflatten(channels.dim() - 1, half, 2).unbind(-1);
        return stack([(pair[0] * Cosine) - (pair[1] * Sine), (pair[1] * Cosine).Plus(pair[0] * Sine)], -1).flatten(channels.dim() - 1);
    }
}
