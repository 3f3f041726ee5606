using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// Noise on the token embeddings of one micro-step (NEFTune, Jain et al. 2023): U(-1, 1) alpha / sqrt(L d) for a text of L tokens and width d.
/// </summary>
/// <param name="Alpha">0 or more.</param>
/// <param name="Stream">What it is drawn from: the same step draws the same noise.</param>
internal sealed record EmbeddingNoise(double Alpha, DropoutStream Stream)
{
    private const int Site = 1 << 16;

    /// <summary>The noise of one layer's embeddings.</summary>
    public EmbeddingNoise Layer(int layer) => this with { Stream = Stream.Layer(layer) };

    /// <summary>The noise of one part of a micro-step.</summary>
    public EmbeddingNoise Part(int part) => this with { Stream = Stream.Part(part) };

    /// <summary>Adds it; padding gets none and does not count.</summary>
    /// <param name="embeddings">[batch, tokens, width]</param>
    /// <param name="mask">[batch, tokens], true for what is real. Null: all is.</param>
    /// <returns>[batch, tokens, width]</returns>
    public Tensor Add(Tensor embeddings, Tensor? mask)
    {
        long width = embeddings.shape[2];
        Tensor noise = Stream.Uniform(embeddings.shape, Site).to(embeddings.device);
        if (mask is null) noise = noise * Scalars.Held(Alpha / Math.Sqrt(embeddings.shape[1] * width));
        else
        {
            Tensor real = mask.to(ScalarType.Float32);
            Tensor lengths = real.sum(1, keepdim: true).clamp_min(Scalars.Held(1));
            noise = noise * (real * (lengths * Scalars.Held((double)width)).rsqrt() * Scalars.Held(Alpha)).unsqueeze(2);
        }
        return embeddings.Plus(noise.to(embeddings.dtype));
    }
}
