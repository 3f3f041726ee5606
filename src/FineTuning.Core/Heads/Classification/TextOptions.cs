using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What every text model can be told when it is loaded.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public record TextOptions
{
    /// <summary>Tokens, special ones included, after which a text is cut (and counted). Null: what tokenizer and model allow, at most 512.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>What is cut where a text or a pair is too long (and counted). Default: the longer text of a pair, or both. None: a text that is too long is an error.</summary>
    public TruncationStrategy Truncation { get; init; } = TruncationStrategy.LongestFirst;

    /// <summary>The seed of weights that the checkpoint does not have (a new head). Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Whether a head in the checkpoint with another number of labels is replaced by a fresh one; false (default): that is an error.</summary>
    public bool FreshHead { get; init; }

    /// <summary>Where the model computes: cpu (default), cuda, cuda:0 and so on, or auto (a GPU where there is one).</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Dropout of the trunk's hidden states and attention, and of the head, from 0 to below 1; null: what config.json says.</summary>
    public double? Dropout { get; init; }

    internal ModelLoadOptions LoadOptions() => new() { Seed = Seed, Dropout = Dropout, FreshHead = FreshHead, Device = Device };

    internal void CollectViolations(List<string> violations)
    {
        if (MaximumLength is < 3) violations.Add($"MaximumLength is {MaximumLength}: a text needs at least 3 tokens");
        if (!Enum.IsDefined(Truncation)) violations.Add($"Truncation is {Truncation}: it is {string.Join(", ", Enum.GetNames<TruncationStrategy>())}");
        if (Dropout is not (null or (>= 0 and < 1))) violations.Add($"Dropout is {Dropout}: it is from 0 to below 1");
    }
}

/// <summary>How a text classifier is loaded and trained.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
public sealed record TextClassifierOptions<TLabel> : TextOptions
    where TLabel : notnull
{
    /// <summary>The labels in the order of the outputs. Null: an enum's values, false and true, or the names in the checkpoint.</summary>
    public IReadOnlyList<TLabel>? Labels { get; init; }

    /// <summary>How much an example of a label counts; labels not named count 1. Null: all count 1.</summary>
    public IReadOnlyDictionary<TLabel, double>? ClassWeights { get; init; }

    /// <summary>The share of the target spread over all labels (Szegedy et al. 2016, equation 9), from 0 (default) to below 1.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Gamma of the focal loss (Lin et al. 2017, equation 5): (1 - p)^gamma times the log loss; 0 (default): plain cross-entropy.</summary>
    public double FocalGamma { get; init; }
}

/// <summary>How a multi-label classifier is loaded and trained.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
public sealed record TextMultiLabelerOptions<TLabel> : TextOptions
    where TLabel : notnull
{
    /// <summary>The labels in the order of the outputs. Null: an enum's values, or the names in the checkpoint.</summary>
    public IReadOnlyList<TLabel>? Labels { get; init; }

    /// <summary>The probability from which a label is given, above 0 and below 1. Default 0.5.</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>How much a positive of a label counts against its negatives; labels not named count 1. Null: all count 1.</summary>
    public IReadOnlyDictionary<TLabel, double>? PositiveWeights { get; init; }
}
