using FineTuning.Tensors;
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

    // Layers ask in scopes of their own for what all of them share.
    private readonly DisposeScope? _scope = CurrentDisposeScope;
    private Tensor? _allowed;
    private Tensor? _forbidden;
    private Tensor? _added;

    private AttentionMask(Tensor? allowed, (long Tokens, Device Device)? causal = null) => (_allowed, Triangle) = (allowed, causal);

    /// <summary>
    /// Whether it says nothing but that a token sees itself and those before it, and queries and keys are the same tokens: kernels need no tensor for that.
    /// </summary>
    public bool IsTriangle => Triangle is not null;

    /// <summary>True where a key may be attended to, broadcast to [batch, heads, tokens, keys].</summary>
    public Tensor Allowed => _allowed ??= Within(Triangle!.Value.Tokens, 0, null, 0, Triangle.Value.Device).KeptIn(_scope);

    /// <summary>True where it may not, of the shape of <see cref="Allowed"/>.</summary>
    public Tensor Forbidden => _forbidden ??= Allowed.logical_not().KeptIn(_scope);

    private (long Tokens, Device Device)? Triangle { get; }

    /// <summary>The mask of a padded batch; null where nothing is padded.</summary>
    /// <param name="real">[batch, keys], bool</param>
    public static AttentionMask? OfPadding(Tensor? real) => real is null ? null : new(real.unsqueeze(1).unsqueeze(1));

    /// <summary>The mask in which padding sees nothing either; null where nothing is padded.</summary>
    /// <param name="real">[batch, tokens], bool</param>
    public static AttentionMask? OfPairs(Tensor? real) => real is null ? null : new(real.unsqueeze(1).unsqueeze(1).logical_and(real.unsqueeze(1).unsqueeze(3)));

    /// <summary>Each token sees itself and those before it.</summary>
    /// <param name="tokens">How many there are.</param>
    /// <param name="past">How many keys stand before the first.</param>
    /// <param name="device">Where the mask goes.</param>
    public static AttentionMask? Causal(long tokens, long past, Device device)
    {
        if (tokens == 1) return null;
        return past == 0 ? new(null, (tokens, device)) : new(Within(tokens, past, null, 0, device));
    }

    /// <summary>Each token sees its neighbours; null where that is all.</summary>
    /// <param name="tokens">How many there are.</param>
    /// <param name="past">How many keys stand before the first.</param>
    /// <param name="window">How far is seen.</param>
    /// <param name="device">Where the mask goes.</param>
    public static AttentionMask? Window(long tokens, long past, AttentionWindow window, Device device)
    {
        bool seesAll = window.Before >= tokens + past - 1 && window.After >= tokens - 1;
        return seesAll ? null : new(Within(tokens, past, window.Before, window.After, device));
    }

    /// <summary>Tokens see those of the same text.</summary>
    /// <param name="segments">[batch, tokens]</param>
    public static AttentionMask SameSegment(Tensor segments) => new(segments.unsqueeze(1).unsqueeze(3).eq(segments.unsqueeze(1).unsqueeze(1)));

    /// <summary>What both allow; null allows everything.</summary>
    public static AttentionMask? And(AttentionMask? left, AttentionMask? right) =>
        left is null ? right : right is null ? left : new(left.Allowed.logical_and(right.Allowed));

    /// <summary>The same, but every token sees itself: padding that would see nothing gets harmless numbers, and nothing has to be looked at.</summary>
    /// <param name="tokens">How many queries there are.</param>
    /// <param name="past">How many keys stand before the first.</param>
    public AttentionMask WithItself(long tokens, long past)
    {
        Tensor itself = Range(past, past + tokens, device: Allowed.device).unsqueeze(1).eq(Range(0, past + tokens, device: Allowed.device).unsqueeze(0));
        return new(Allowed.logical_or(itself.unsqueeze(0).unsqueeze(0)));
    }

    /// <summary>0 where a key may be attended to and <see cref="Never"/> where it may not, float32, to be added to scores.</summary>
    public Tensor Added() => _added ??= zeros(Allowed.shape, ScalarType.Float32, Allowed.device).masked_fill_(Forbidden, Held(Never)).KeptIn(_scope);

    /// <summary>The mask of one query a row.</summary>
    public AttentionMask Of(Wanted wanted) => Triangle is null && Allowed.shape[2] == 1 ? this : new(wanted.Along(Allowed, 2));

    // [1, 1, tokens, keys]: keys from so many before the query to so many after it.
    private static Tensor Within(long tokens, long past, long? before, long after, Device device)
    {
        Tensor ahead = Range(0, past + tokens, device: device).unsqueeze(0) - Range(past, past + tokens, device: device).unsqueeze(1);
        Tensor allowed = ahead.le(Held(after));
        if (before is { } reach) allowed = allowed.logical_and(ahead.ge(Held(-reach)));
        return allowed.unsqueeze(0).unsqueeze(0);
    }
}
