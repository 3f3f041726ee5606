using FineTuning.Heads;
using Microsoft.Extensions.Logging;

namespace FineTuning.Strategies;

/// <summary>How a classifier learns from a few texts of each label.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Immutable; change a copy with <c>with</c>. The defaults are those of SetFit (Tunstall et al. 2022).</remarks>
public sealed record FewShotOptions<TLabel>
    where TLabel : notnull
{
    /// <summary>The labels. Null: those of the folder, or those of the texts. Those of a head that was saved are found by their names, in any order.</summary>
    public IReadOnlyList<TLabel>? Labels { get; init; }

    /// <summary>How the sentence encoder is loaded: maximal length, pooling, device. With FreshHead a saved head is ignored.</summary>
    public SentenceEncoderOptions Encoder { get; init; } = new();

    /// <summary>Similar and dissimilar pairs each text is put into, from 0 (the encoder stays as it is, only the head is fitted) to 1000. Default 20.</summary>
    public int PairsPerText { get; init; } = 20;

    /// <summary>How often the pairs are gone through, 1 or more.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Pairs in a step, 1 or more.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>The encoder's highest learning rate; it rises over the first tenth of the steps and falls to 0.</summary>
    public double LearningRate { get; init; } = 2e-5;

    /// <summary>
    /// What the head's log losses count against its squared weights, above 0: the smaller, the smoother (C of scikit-learn's LogisticRegression).
    /// </summary>
    public double HeadFit { get; init; } = 1;

    /// <summary>The seed of pairs, order and dropout.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Told what happens. Null: no one is told.</summary>
    public ILogger? Logger { get; init; }

    internal void CollectViolations(List<string> violations)
    {
        if (PairsPerText is not (>= 0 and <= 1000)) violations.Add($"PairsPerText is {PairsPerText}: it is from 0 to 1000");
        if (Epochs is not (>= 1 and <= 1_000_000)) violations.Add($"Epochs is {Epochs}: it is from 1 to 1,000,000");
        if (BatchSize is not (>= 1 and <= 1_000_000)) violations.Add($"BatchSize is {BatchSize}: it is from 1 to 1,000,000");
        if (LearningRate is not (> 0 and < 10)) violations.Add($"LearningRate is {LearningRate}: it is above 0 and below 10");
        if (HeadFit is not (> 0 and < 1e9)) violations.Add($"HeadFit is {HeadFit}: it is above 0 and below 1e9");
    }
}
