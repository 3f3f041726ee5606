using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>How BLEU cuts texts into words, as sacrebleu names them.</summary>
public enum BleuTokenization
{
    /// <summary>mteval-v13a: what WMT uses; ASCII punctuation only.</summary>
    V13a,

    /// <summary>Punctuation and symbols of all scripts (mteval-v14 international).</summary>
    International,

    /// <summary>Chinese characters one by one, the rest as 13a does without undoing escapes.</summary>
    Chinese,

    /// <summary>Each character is a word; spaces are dropped.</summary>
    Characters,

    /// <summary>White space alone: the text is tokenized already.</summary>
    None,
}

/// <summary>What is used for a precision without a match.</summary>
public enum BleuSmoothing
{
    /// <summary>1/2, 1/4, ... of a match (NIST; method 3 of Chen and Cherry 2014).</summary>
    Exponential,

    /// <summary>A fixed count (method 1).</summary>
    Floor,

    /// <summary>A number is added to matches and totals of orders above 1 (method 2; Lin and Och 2004).</summary>
    AddK,

    /// <summary>Nothing: the score is 0.</summary>
    None,
}

/// <summary>How BLEU is computed.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>. The defaults are sacrebleu's.</remarks>
public sealed record BleuOptions
{
    private const int HighestOrder = 100;

    /// <summary>How texts are cut into words. Default 13a.</summary>
    public BleuTokenization Tokenization { get; init; }

    /// <summary>Whether upper and lower case are one. Default false.</summary>
    public bool LowerCase { get; init; }

    /// <summary>The longest n-gram. Default 4.</summary>
    public int HighestNGram { get; init; } = 4;

    /// <summary>What is used for a precision without a match. Default exponential.</summary>
    public BleuSmoothing Smoothing { get; init; }

    /// <summary>The count of <see cref="BleuSmoothing.Floor"/> (null: 0.1) or <see cref="BleuSmoothing.AddK"/> (null: 1).</summary>
    public double? SmoothingValue { get; init; }

    /// <summary>Whether the mean goes only over the orders that the text is long enough for: for single sentences. Default false.</summary>
    public bool EffectiveOrder { get; init; }

    internal double SmoothingCount => SmoothingValue ?? (Smoothing == BleuSmoothing.Floor ? 0.1 : 1);

    internal void Validate()
    {
        var violations = new List<string>();
        if (HighestNGram is < 1 or > HighestOrder) violations.Add($"HighestNGram is {HighestNGram}: it is from 1 to {HighestOrder}");
        if (!Enum.IsDefined(Tokenization))
            violations.Add($"Tokenization is {Tokenization}: it is one of {string.Join(", ", Enum.GetNames<BleuTokenization>())}");
        if (!Enum.IsDefined(Smoothing)) violations.Add($"Smoothing is {Smoothing}: it is one of {string.Join(", ", Enum.GetNames<BleuSmoothing>())}");
        if (SmoothingValue is { } value && value is not (> 0 and < double.PositiveInfinity))
            violations.Add($"SmoothingValue is {value}: it is above 0 and finite");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}

/// <summary>BLEU with what it is made of.</summary>
/// <param name="Score">0 to 100.</param>
/// <param name="Precisions">Of each order, smoothed, 0 to 100.</param>
/// <param name="Matches">Of each order; add-k smoothing enlarges them.</param>
/// <param name="Totals">N-grams of each order in the predictions.</param>
/// <param name="BrevityPenalty">0 to 1.</param>
/// <param name="PredictionLength">Words in the predictions.</param>
/// <param name="ReferenceLength">Words in the references closest in length.</param>
public sealed record BleuScore(
    double Score, IReadOnlyList<double> Precisions, IReadOnlyList<double> Matches, IReadOnlyList<double> Totals, double BrevityPenalty,
    double PredictionLength, double ReferenceLength);
