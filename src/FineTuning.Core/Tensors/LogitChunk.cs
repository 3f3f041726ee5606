using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>The logits of a few tokens, worked on in place: first their losses, then the losses' slopes by the logits.</summary>
internal sealed class LogitChunk
{
    private readonly LinearTargets _layer;
    private readonly Tensor _targets, _logits;
    private readonly Tensor? _capSlopes;
    private Tensor? _total;

    /// <param name="layer">The output layer.</param>
    /// <param name="states">[tokens, width]</param>
    /// <param name="targets">[tokens], int64</param>
    /// <param name="room">From <see cref="Room"/>: where products are written. What is read of the chunk before is gone.</param>
    public LogitChunk(LinearTargets layer, Tensor states, Tensor targets, Tensor room)
    {
        (_layer, _targets) = (layer, targets.unsqueeze(1));
        Tensor products = room.narrow(0, 0, states.shape[0]).addmm_(states, layer.Weight.detach().t(), 0, 1);
        if (layer.Bias is not null) products.PlusInPlace(layer.Bias.detach());
        _logits = products.to(ChunkedCrossEntropy.ResultType(layer));
        if (layer.SoftCap is not { } cap) return;
        _logits.div_(Held(cap)).tanh_();
        _capSlopes = Minus(1, _logits.Squared());
        _logits.mul_(Held(cap));
    }

    /// <summary>One buffer for all chunks of a layer: where each allocated its own, an allocator would keep several. The caller disposes it.</summary>
    /// <returns>[tokens at once, words], in the type of the hidden states</returns>
    public static Tensor Room(LinearTargets layer) =>
        empty([Math.Min(layer.Chunk, layer.Hidden.shape[0]), layer.Weight.shape[0]], layer.Hidden.dtype, layer.Hidden.device);

    /// <summary>The loss of each token.</summary>
    /// <returns>[tokens, 1]</returns>
    public Tensor Losses(double smoothing)
    {
        _logits.sub_(_logits.amax([1], keepdim: true));
        Tensor own = _logits.gather(1, _targets);
        // The mean over all words must be taken before the exponentials overwrite the logits.
        Tensor? mean = smoothing > 0 ? _logits.mean([1], keepdim: true) : null;
        _total = _logits.exp_().sum(1, keepdim: true);
        Tensor normalizer = _total.log();
        return mean is null ? normalizer - own : normalizer - own * Held(1 - smoothing) - mean * Held(smoothing);
    }

    /// <summary>The derivative of the losses by the logits: p - (1 - e) [word is the target] - e / words. Overwrites the logits.</summary>
    /// <param name="smoothing">e, as for the losses.</param>
    /// <param name="weights">What each token counts, [tokens, 1]. Null: 1.</param>
    /// <returns>[tokens, words]</returns>
    public Tensor Slopes(double smoothing, Tensor? weights)
    {
        Tensor slopes = _logits.div_(_total!);
        if (smoothing > 0) slopes.PlusInPlace(-smoothing / _layer.Weight.shape[0]);
        slopes.scatter_add_(1, _targets, full([_targets.shape[0], 1], Held(smoothing - 1), slopes.dtype, slopes.device));
        if (weights is not null) slopes.mul_(weights);
        if (_capSlopes is not null) slopes.mul_(_capSlopes);
        return slopes;
    }

    /// <summary>The log-probability of each target, after <see cref="Losses"/> without smoothing.</summary>
    public static Tensor LogProbabilities(Tensor losses) => losses.squeeze(1).neg();
}
