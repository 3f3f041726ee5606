using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Cosines and sines of the angles by which queries and keys are turned (Su et al. 2021, equation 34), channel i paired with channel i + width / 2.</summary>
/// <param name="Cosine">[tokens, width / 2], float32</param>
/// <param name="Sine">[tokens, width / 2], float32</param>
internal sealed record Rotation(Tensor Cosine, Tensor Sine)
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

    /// <summary>The angles of the positions from <paramref name="first"/> on.</summary>
    /// <param name="frequencies">[width / 2], float32</param>
    /// <param name="first">The position of the first token.</param>
    /// <param name="tokens">How many there are.</param>
    /// <param name="factor">Of cosines and sines (YaRN's attention factor).</param>
    public static Rotation At(Tensor frequencies, long first, long tokens, double factor = 1)
    {
        Tensor angles = Range(first, first + tokens, device: frequencies.device).to(ScalarType.Float32).unsqueeze(1) * frequencies.unsqueeze(0);
        return factor == 1 ? new(angles.cos(), angles.sin()) : new(angles.cos() * Held(factor), angles.sin() * Held(factor));
    }

    /// <summary>The rotation of the first token alone.</summary>
    public Rotation OfFirst() => new(Cosine.narrow(0, 0, 1), Sine.narrow(0, 0, 1));

    /// <summary>Turns the first channels of each head; those beyond the angles' width stay.</summary>
    /// <param name="input">[batch, heads, tokens, width or more]</param>
    /// <returns>The shape and type of the input.</returns>
    public Tensor Turn(Tensor input)
    {
        long half = Cosine.shape[1], width = input.shape[^1];
        // Angles in float32 and a product in bfloat16 are multiplied in float32.
        Tensor left = input.narrow(-1, 0, half), right = input.narrow(-1, half, half);
        Tensor turnedLeft = (left * Cosine) - (right * Sine), turnedRight = (right * Cosine).Plus(left * Sine);
        Tensor turned = width == 2 * half ? cat([turnedLeft, turnedRight], -1) : cat([turnedLeft, turnedRight, input.narrow(-1, 2 * half, width - (2 * half))], -1);
        return turned.dtype == input.dtype ? turned : turned.to(input.dtype);
    }
}
