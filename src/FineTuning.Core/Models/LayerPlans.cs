namespace FineTuning.Models;

/// <summary>Where an encoder drops elements in training; null: not there.</summary>
internal sealed record DropoutRates
{
    /// <summary>Of the embeddings.</summary>
    public double? Embedding { get; init; }

    /// <summary>Of the attention probabilities.</summary>
    public double? Attention { get; init; }

    /// <summary>Of what attention adds.</summary>
    public double? AttentionOutput { get; init; }

    /// <summary>Inside the feed-forward network.</summary>
    public double? Inner { get; init; }

    /// <summary>Of what the feed-forward network adds.</summary>
    public double? Output { get; init; }

    /// <summary>Of the vector that a sequence head reads, before its dense layer.</summary>
    public double? Pooled { get; init; }

    /// <summary>Before the output layer of a sequence head.</summary>
    public double? Sequence { get; init; }

    /// <summary>Before the output layer of a token head.</summary>
    public double? Token { get; init; }

    /// <summary>Before the output layer of an answer head.</summary>
    public double? Answer { get; init; }

    /// <summary>The places of BERT's trunk, with one rate for the sequence and token heads.</summary>
    public static DropoutRates OfTrunk(double hidden, double attention, double head) =>
        new() { Embedding = hidden, Attention = attention, AttentionOutput = hidden, Output = hidden, Sequence = head, Token = head };

    /// <summary>The same places with one rate.</summary>
    public DropoutRates With(double rate) => new()
    {
        Embedding = Embedding is null ? null : rate,
        Attention = Attention is null ? null : rate,
        AttentionOutput = AttentionOutput is null ? null : rate,
        Inner = Inner is null ? null : rate,
        Output = Output is null ? null : rate,
        Pooled = Pooled is null ? null : rate,
        Sequence = Sequence is null ? null : rate,
        Token = Token is null ? null : rate,
        Answer = Answer is null ? null : rate,
    };
}

/// <summary>Where a layer normalizes (Xiong et al. 2020).</summary>
internal enum NormPlacement
{
    /// <summary>norm(x + f(x)): Vaswani et al. 2017, BERT.</summary>
    AfterSum,

    /// <summary>x + f(norm(x)), and a norm above the last layer; the lowest layer's input is normalized already.</summary>
    BeforeBranch,
}

/// <summary>What a layer is made of.</summary>
internal sealed record LayerPlan
{
    /// <summary>Where it normalizes.</summary>
    public NormPlacement Norms { get; init; }

    /// <summary>Whether norms have an offset.</summary>
    public bool NormBias { get; init; } = true;

    /// <summary>Whether the linear layers of attention have a bias.</summary>
    public bool AttentionBias { get; init; } = true;

    /// <summary>Whether the checkpoint holds query, key and value as one tensor.</summary>
    public bool FusedProjection { get; init; }

    /// <summary>Whether the linear layers of the feed-forward network have a bias.</summary>
    public bool FeedForwardBias { get; init; } = true;

    /// <summary>Whether the feed-forward network is gated (Shazeer 2020).</summary>
    public bool IsGated { get; init; }
}

/// <summary>The linear layer between embeddings and hidden states.</summary>
/// <param name="BeforeNorm">Whether it stands before the embeddings' norm, which then is as wide as the hidden states.</param>
/// <param name="Bias">Whether it has a bias.</param>
internal sealed record WideningPlan(bool BeforeNorm = false, bool Bias = true);

/// <summary>Layers that share weights (Lan et al. 2020): consecutive layers in groups, each of several layers run one after another.</summary>
/// <param name="Groups">How many sets of weights there are.</param>
/// <param name="LayersAGroup">How many layers a set holds.</param>
internal sealed record SharingPlan(int Groups, int LayersAGroup);

/// <summary>A convolution over neighbouring tokens (DeBERTa-v2).</summary>
/// <param name="Width">Tokens under the kernel; odd.</param>
/// <param name="Groups">Into how many groups the channels are split.</param>
/// <param name="Function">What follows it.</param>
internal sealed record ConvolutionPlan(int Width, int Groups, Activation Function);
