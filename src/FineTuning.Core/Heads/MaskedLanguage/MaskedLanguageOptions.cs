namespace FineTuning.Heads;

/// <summary>How plain texts become rows.</summary>
public enum TextPacking
{
    /// <summary>Texts one after another, a separator after each, cut into windows of the maximal length: nothing is padded but the last window.</summary>
    Windows,

    /// <summary>Each text by itself; one that is too long is cut into several rows. No token is lost.</summary>
    Lines,
}

/// <summary>How a masked language model is loaded and trained.</summary>
/// <remarks>The seed of <see cref="TextOptions.Seed"/> also fixes what is masked in evaluations; training draws from the run's seed and the epoch.</remarks>
public sealed record MaskedLanguageOptions : TextOptions
{
    /// <summary>The share of words, or of tokens, that is to be predicted, above 0 and below 1. Default 0.15 (Devlin et al. 2019, section 3.1).</summary>
    public double Probability { get; init; } = 0.15;

    /// <summary>Of what is to be predicted, the share that is shown as the mask token, from 0 to 1. Default 0.8.</summary>
    public double MaskedShare { get; init; } = 0.8;

    /// <summary>Of what is to be predicted, the share that is shown as a random token; the rest is shown as it is. Default 0.1.</summary>
    public double RandomShare { get; init; } = 0.1;

    /// <summary>Whether all tokens of a word are predicted together (default) or each is drawn by itself.</summary>
    public bool WholeWords { get; init; } = true;

    /// <summary>How texts become rows. Default: full windows.</summary>
    public TextPacking Packing { get; init; } = TextPacking.Windows;

    internal new void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (Probability is not (>= 1e-6 and < 1)) violations.Add($"Probability is {Probability}: it is above 0, at least 1e-6, and below 1");
        if (MaskedShare is not (>= 0 and <= 1)) violations.Add($"MaskedShare is {MaskedShare}: it is from 0 to 1");
        if (RandomShare is not (>= 0 and <= 1)) violations.Add($"RandomShare is {RandomShare}: it is from 0 to 1");
        if (MaskedShare + RandomShare > 1) violations.Add($"MaskedShare and RandomShare sum to {MaskedShare + RandomShare}: it is at most 1");
        if (!Enum.IsDefined(Packing)) violations.Add(HeadErrors.NotOneOf(nameof(Packing), Packing));
    }
}
