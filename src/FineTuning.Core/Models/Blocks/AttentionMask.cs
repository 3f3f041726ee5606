using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Which keys a token may attend to; made once a batch and shared by the layers.</summary>
internal sealed class AttentionMask
{
    private AttentionMask(Tensor allowed)
    {
        Allowed = allowed;
        Forbidden = allowed.logical_not();
    }

    /// <summary>True where a key may be attended to, [batch, 1, 1, keys].</summary>
    public Tensor Allowed { get; }

    /// <summary>True where it may not, [batch, 1, 1, keys].</summary>
    public Tensor Forbidden { get; }

    /// <summary>The mask of a padded batch; null where nothing is padded.</summary>
    /// <param name="real">[batch, keys], bool</param>
    public static AttentionMask? OfPadding(Tensor? real) => real is null ? null : new(real.unsqueeze(1).unsqueeze(1));
}
