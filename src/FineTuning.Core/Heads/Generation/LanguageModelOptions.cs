using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tensors;
using Microsoft.Extensions.Logging;

namespace FineTuning.Heads;

/// <summary>What every model that writes text can be told when it is loaded.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public record GenerativeOptions
{
    /// <summary>The share of the target that is spread over all words in training (Szegedy et al. 2016, section 7), from 0 (default) to below 1.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>The type in which text is generated: float32 (default), or bfloat16 for the matrix products. A run has a precision of its own.</summary>
    public Precision Precision { get; init; }

    /// <summary>
    /// The type in which the trunk's weights are kept, frozen for good: bfloat16 halves their memory, for a model that only writes or that an adapter tunes; it
    /// writes fastest with <see cref="Precision"/> of the same type. Null (default): float32, and they train. A trunk in memory stays as it is.
    /// </summary>
    public Precision? FrozenPrecision { get; init; }

    /// <summary>The seed of weights that the checkpoint does not have. Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>
    /// Whether the output layer is drawn fresh; false (default): a checkpoint without one is an error. An output layer that is tied to the embeddings
    /// stays tied.
    /// </summary>
    public bool FreshHead { get; init; }

    /// <summary>Where the model computes: cpu (default), cuda, cuda:0 and so on, or auto (a GPU where there is one).</summary>
    public string Device { get; init => field = value ?? throw new ArgumentNullException(nameof(Device)); } = "cpu";

    /// <summary>Dropout of hidden states and attention, from 0 to 0.99; null: what config.json says.</summary>
    public double? Dropout { get; init; }

    /// <summary>Told which generation options change nothing. Null: nobody is.</summary>
    public ILogger? Logger { get; init; }

    internal ModelLoadOptions LoadOptions() =>
        new() { Seed = Seed, Dropout = Dropout, FreshHead = FreshHead, Device = Device, FrozenPrecision = FrozenPrecision };

    internal virtual void CollectViolations(List<string> violations)
    {
        if (LabelSmoothing is not (>= 0 and < 1)) violations.Add($"LabelSmoothing is {LabelSmoothing}: it is from 0 to below 1");
        if (!Enum.IsDefined(Precision)) violations.Add($"Precision is {Precision}: it is {string.Join(" or ", Enum.GetNames<Precision>())}");
        Limits.Dropout(Dropout, violations);
        Limits.Frozen(FrozenPrecision, violations);
    }
}

/// <summary>How a decoder over texts or conversations is loaded and trained.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record LanguageModelOptions : GenerativeOptions
{
    /// <summary>
    /// Tokens of a training row, special ones included; what is longer is cut at its end and counted. Null: what tokenizer and model allow, at most 512.
    /// </summary>
    public int? MaximumLength { get; init; }

    /// <summary>How texts share rows in training. Default: each has its own, and rows of similar length stand together.</summary>
    public PackingStrategy Packing { get; init; } = PackingStrategy.None;

    /// <summary>Which tokens are learned. Default: answers and completions.</summary>
    public LearnedTokens Learned { get; init; } = LearnedTokens.Answers;

    /// <summary>What happens to an example of which nothing is left to learn within the maximal length. Default: it is an error that names it.</summary>
    public LostTargets LostTargets { get; init; } = LostTargets.Refuse;

    /// <summary>
    /// Whether each token's loss is multiplied by the probability that the model gives it (dynamic fine-tuning, Wu et al. 2025, equation 9), so that what the
    /// model finds improbable moves it less; the factor has no gradient. Evaluations report the plain loss. Default false.
    /// </summary>
    public bool DynamicFineTuning { get; init; }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (DynamicFineTuning && LabelSmoothing > 0) violations.Add("DynamicFineTuning and LabelSmoothing are both set: choose one");
        if (MaximumLength is < 3) violations.Add($"MaximumLength is {MaximumLength}: a row needs at least 3 tokens");
        if (!Enum.IsDefined(Packing)) violations.Add($"Packing is {Packing}: it is {string.Join(", ", Enum.GetNames<PackingStrategy>())}");
        if (!Enum.IsDefined(Learned)) violations.Add($"Learned is {Learned}: it is {string.Join(", ", Enum.GetNames<LearnedTokens>())}");
        if (!Enum.IsDefined(LostTargets)) violations.Add($"LostTargets is {LostTargets}: it is {string.Join(", ", Enum.GetNames<LostTargets>())}");
    }
}

/// <summary>How an encoder-decoder is loaded and trained.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record TextToTextOptions : GenerativeOptions
{
    /// <summary>Put before every source, in training and in generation, for example <c>"translate English to German: "</c>. Default: nothing.</summary>
    public string Prefix { get; init => field = value ?? throw new ArgumentNullException(nameof(Prefix)); } = "";

    /// <summary>Tokens of a source, special ones included, after which it is cut (and counted). Null: what tokenizer and model allow, at most 512.</summary>
    public int? MaximumSourceLength { get; init; }

    /// <summary>
    /// Tokens of a target in training, its end token included, after which it is cut (and counted). Null: what tokenizer and model allow, at most 512.
    /// </summary>
    public int? MaximumTargetLength { get; init; }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (MaximumSourceLength is < 3) violations.Add($"MaximumSourceLength is {MaximumSourceLength}: a source needs at least 3 tokens");
        if (MaximumTargetLength is < 3) violations.Add($"MaximumTargetLength is {MaximumTargetLength}: a target needs at least 3 tokens");
    }
}
