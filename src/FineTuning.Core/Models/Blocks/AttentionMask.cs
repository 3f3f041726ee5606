using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Which keys a token may attend to; made once a batch and shared by the layers.</summary>
internal sealed class AttentionMask
{
    /// <summary>
    /// The score of a forbidden key: so low that it gets no weight beside an allowed one, and finite in bfloat16 too, so that a row of padding without any
    /// allowed key attends evenly, as in the reference, and gives no NaN.
    /// </summary>
    public const float Never = -3.38e38f;

    private Tensor? _forbidden;

    private AttentionMask(Tensor allowed) => Allowed = allowed;

    /// <summary>True where a key may be attended to, broadcast to [batch, heads, tokens, keys].</summary>
    public Tensor Allowed { get; }

    /// <summary>True where it may not, of the shape of <see cref="Allowed"/>.</summary>
    public Tensor Forbidden => _forbidden ??= Allowed.logical_not();

    /// <summary>The mask of a padded batch; null where nothing is padded.</summary>
    /// <param name="real">[batch, keys], bool</param>
    public static AttentionMask? OfPadding(Tensor? real) => real is null ? null : new(real.unsqueeze(1).unsqueeze(1));

    /// <summary>The mask in which padding sees nothing either; null where nothing is padded.</summary>
    /// <param name="real">[batch, tokens], bool</param>
    public static AttentionMask? OfPairs(Tensor? real) => real is null ? null : new(real.unsqueeze(1).unsqueeze(1).logical_and(real.unsqueeze(1).unsqueeze(3)));

    /// <summary>A mask in which tokens see their neighbours alone, and of those only what <paramref name="mask"/> allows.</summary>
    /// <param name="mask">Null: all is allowed.</param>
    /// <param name="tokens">How many there are.</param>
    /// <param name="reach">How many are seen to either side.</param>
    /// <param name="device">Where the mask goes.</param>
    public static AttentionMask OfNeighbours(AttentionMask? mask, long tokens, long reach, Device device)
    {
        Tensor places = Range(0, tokens, device: device);
        Tensor near = (places.unsqueeze(1) - places.unsqueeze(0)).abs().le(Held(reach)).unsqueeze(0).unsqueeze(0);
        return new(mask is null ? near : near.logical_and(mask.Allowed));
    }

    /// <summary>0 where a key may be attended to and <see cref="Never"/> where it may not, float32, to be added to scores.</summary>
    public Tensor Added() => zeros(Allowed.shape, ScalarType.Float32, Allowed.device).masked_fill_(Forbidden, Held(Never));

    /// <summary>Whether some token may attend to nothing at all.</summary>
    public bool LeavesNothing() => !Allowed.any(-1, false).all().item<bool>();

    /// <summary>The mask of the first token alone.</summary>
    public AttentionMask OfFirst() => Allowed.shape[2] == 1 ? this : new(Allowed.narrow(2, 0, 1));
}
