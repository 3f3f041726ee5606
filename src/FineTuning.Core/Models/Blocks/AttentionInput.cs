using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What a layer needs apart from the hidden states; made once a pass and shared by the layers that see alike.</summary>
internal sealed record AttentionInput
{
    /// <summary>True where a token is real, [batch, tokens], bool. Null: all are.</summary>
    public Tensor? Real { get; init; }

    /// <summary>Which keys are seen, of each text where there are <see cref="Texts"/>. Null: all.</summary>
    public AttentionMask? Mask { get; init; }

    /// <summary>The texts of packed rows, which attend one by one. Null: rows do.</summary>
    public PackedTexts? Texts { get; init; }

    /// <summary>Added to the scores, with the mask already in it, broadcast to [batch, heads, tokens, keys]. Null: none.</summary>
    public Tensor? Bias { get; init; }

    /// <summary>Turns queries and keys. Null: they stay.</summary>
    public Rotation? Rotation { get; init; }

    /// <summary>Vectors of relative positions. Null: none.</summary>
    public RelativePositions? Relative { get; init; }

    /// <summary>The encoder's states, [batch, source tokens, hidden]. Null: there are none.</summary>
    public Tensor? Memory { get; init; }

    /// <summary>Which of the encoder's states are seen. Null: all.</summary>
    public AttentionMask? MemoryMask { get; init; }

    /// <summary>Keys and values of earlier tokens. Null: there are none.</summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>The layer's number in the cache.</summary>
    public int Layer { get; init; }

    /// <summary>The tensors that may carry gradients to what made them: a layer that is computed again takes them as inputs.</summary>
    public IReadOnlyList<Tensor> Differentiable()
    {
        var all = new List<Tensor>(3);
        if (Bias is not null) all.Add(Bias);
        if (Relative is not null) all.Add(Relative.Vectors);
        if (Memory is not null) all.Add(Memory);
        return all;
    }

    /// <summary>The same with other tensors instead of those, in the same order.</summary>
    public AttentionInput WithDifferentiable(IReadOnlyList<Tensor> tensors)
    {
        int next = 0;
        Tensor? bias = Bias is null ? null : tensors[next++];
        RelativePositions? relative = Relative is null ? null : Relative with { Vectors = tensors[next++] };
        return this with { Bias = bias, Relative = relative, Memory = Memory is null ? null : tensors[next] };
    }
}

/// <summary>Multi-head attention.</summary>
internal interface IAttention
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="positions">Masks and positions.</param>
    /// <param name="wanted">The one token a row whose output is needed. Null: all.</param>
    /// <param name="context">The layer's pass.</param>
    /// <returns>[batch, tokens, hidden], or [batch, 1, hidden]</returns>
    Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context);
}
