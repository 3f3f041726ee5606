namespace FineTuning.Models;

/// <summary>A normalization over the last dimension.</summary>
/// <param name="Epsilon">Added under the root.</param>
internal sealed record NormPlan(double Epsilon)
{
    /// <summary>Whether only the root mean square is divided by (Zhang and Sennrich 2019); false: layer normalization.</summary>
    public bool IsRootMeanSquare { get; init; }

    /// <summary>Whether a layer normalization has an offset.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Added to the gain: 1 where the checkpoint stores gains as differences from 1 (Gemma).</summary>
    public double Shift { get; init; }

    /// <summary>A root mean square norm.</summary>
    public static NormPlan RootMeanSquare(double epsilon, double shift = 0) => new(epsilon) { IsRootMeanSquare = true, Shift = shift };
}

/// <summary>How a branch joins the stream it left.</summary>
internal sealed record BranchPlan
{
    /// <summary>Normalizes what enters the branch (GPT-2, LLaMA, ModernBERT); null: nothing does.</summary>
    public NormPlan? Before { get; init; }

    /// <summary>Normalizes what the branch gives, before it is added (OLMo 2, Gemma 2); null: nothing does.</summary>
    public NormPlan? End { get; init; }

    /// <summary>Normalizes the sum (BERT); null: nothing does.</summary>
    public NormPlan? After { get; init; }

    /// <summary>Dropout of what is added, from 0 to below 1.</summary>
    public double Dropout { get; init; }
}

/// <summary>Attention of tokens among themselves.</summary>
/// <param name="QueryHeads">Heads of queries.</param>
/// <param name="KeyHeads">Heads of keys and values; a divisor of <paramref name="QueryHeads"/>.</param>
/// <param name="Width">Channels a head.</param>
internal sealed record AttentionPlan(int QueryHeads, int KeyHeads, int Width)
{
    /// <summary>The factor of the scores. Null: one over the root of the width.</summary>
    public double? Scale { get; init; }

    /// <summary>Whether query, key and value have a bias.</summary>
    public bool Bias { get; init; }

    /// <summary>Whether the output has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Normalizes queries and keys. Null: nothing does.</summary>
    public NormPlan? QueryKeyNorm { get; init; }

    /// <summary>Whether that norm spans all heads together (OLMo 2); false: each head by itself (Qwen 3, Gemma 3).</summary>
    public bool NormSpansHeads { get; init; }

    /// <summary>Scores become cap times the hyperbolic tangent of score over cap (Gemma 2); null: they stay.</summary>
    public double? SoftCap { get; init; }

    /// <summary>Whether a token sees only itself and those before it.</summary>
    public bool IsCausal { get; init; }

    /// <summary>The neighbours that are seen. Null: all.</summary>
    public AttentionWindow? Window { get; init; }

    /// <summary>Turns queries and keys. Null: they stay.</summary>
    public RotaryPlan? Rotary { get; init; }

    /// <summary>Adds the terms of relative positions. Null: none.</summary>
    public DisentangledPlan? Disentangled { get; init; }

    /// <summary>Dropout of the probabilities, from 0 to below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>The factor of the scores.</summary>
    public double ScaleOrDefault => Scale ?? 1 / Math.Sqrt(Width);
}

/// <summary>A network over each token by itself.</summary>
/// <param name="Width">The width inside.</param>
/// <param name="Activation">The function inside.</param>
internal sealed record FeedForwardPlan(int Width, Activation Activation)
{
    /// <summary>Whether a second inner layer gates the first (Shazeer 2020).</summary>
    public bool IsGated { get; init; }

    /// <summary>Whether the linear layers have a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Dropout inside, from 0 to below 1.</summary>
    public double Dropout { get; init; }
}

/// <summary>A convolution over neighbouring tokens, beside a layer (DeBERTa-v2).</summary>
/// <param name="Width">Tokens under the kernel; odd.</param>
/// <param name="Groups">Into how many groups the channels are split.</param>
/// <param name="Activation">The function after it.</param>
/// <param name="Norm">Normalizes the sum.</param>
/// <param name="Dropout">Of what the convolution gives.</param>
internal sealed record ConvolutionPlan(int Width, int Groups, Activation Activation, NormPlan Norm, double Dropout);

/// <summary>One layer of a stack; layers of one stack may differ.</summary>
/// <param name="Attention">Of tokens among themselves.</param>
/// <param name="FeedForward">Of each token by itself.</param>
internal sealed record LayerPlan(AttentionPlan Attention, FeedForwardPlan FeedForward)
{
    /// <summary>How attention joins the stream.</summary>
    public BranchPlan AroundAttention { get; init; } = new();

    /// <summary>Attention to the memory. Null: there is none. Masks, windows and rotations of this plan are not used.</summary>
    public AttentionPlan? Cross { get; init; }

    /// <summary>How attention to the memory joins the stream.</summary>
    public BranchPlan AroundCross { get; init; } = new();

    /// <summary>How the feed-forward network joins the stream.</summary>
    public BranchPlan AroundFeedForward { get; init; } = new();

    /// <summary>Whether both branches leave the stream at the same point (GPT-NeoX).</summary>
    public bool IsParallel { get; init; }

    /// <summary>A convolution beside the layer. Null: there is none.</summary>
    public ConvolutionPlan? Convolution { get; init; }
}

/// <summary>Layers that share weights (Lan et al. 2020): consecutive layers in groups, each of several layers run one after another.</summary>
/// <param name="Groups">How many sets of weights there are.</param>
/// <param name="LayersInGroup">How many layers a set holds.</param>
internal sealed record SharingPlan(int Groups, int LayersInGroup);

/// <summary>Layers on top of each other.</summary>
/// <param name="Layers">From the lowest up.</param>
internal sealed record StackPlan(IReadOnlyList<LayerPlan> Layers)
{
    /// <summary>What precedes the names of its weights, for example <c>decoder.</c>; empty where a trunk has one stack.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Normalizes what the highest layer gives. Null: nothing does.</summary>
    public NormPlan? Norm { get; init; }

    /// <summary>Dropout after that norm, from 0 to below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>A bias by distance, for all layers. Null: there is none.</summary>
    public RelativeBiasPlan? RelativeBias { get; init; }

    /// <summary>Which layers share their weights. Null: none.</summary>
    public SharingPlan? Sharing { get; init; }
}
