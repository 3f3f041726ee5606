using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What a layer's attention needs besides the hidden states; made once a pass and shared by the layers that see alike.</summary>
/// <param name="Real">True where a token is real, [batch, tokens], bool; null: all are.</param>
/// <param name="Mask">Which keys are seen; null: all.</param>
/// <param name="Bias">Added to the scores, with the mask already in it, broadcast to [batch, heads, tokens, tokens]; null: none.</param>
/// <param name="Rotation">Turns queries and keys; null: they stay.</param>
/// <param name="Relative">Vectors of relative positions; null: none.</param>
internal sealed record AttentionInput(
    Tensor? Real, AttentionMask? Mask = null, Tensor? Bias = null, Rotation? Rotation = null, RelativePositions? Relative = null);

/// <summary>Multi-head attention of tokens among themselves.</summary>
internal interface IAttention
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="positions">Masks and positions.</param>
    /// <param name="firstOnly">Whether only the first token's output is needed.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden], or [batch, 1, hidden]</returns>
    Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context);
}
