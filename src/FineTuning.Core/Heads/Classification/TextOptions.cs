using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using Microsoft.Extensions.Logging;

namespace FineTuning.Heads;

/// <summary>What every text model can be told when it is loaded.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public record TextOptions
{
    /// <summary>Tokens, special ones included, after which a text is cut (and counted). Null: what tokenizer and model allow, at most 512.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>
    /// What is cut where a text or a pair is too long (and counted). Default: the longer text of a pair, or both. None: a text that is too long is an error.
    /// </summary>
    public TruncationStrategy Truncation { get; init; } = TruncationStrategy.LongestFirst;

    /// <summary>The seed of weights that the checkpoint does not have (a new head). Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>
    /// Whether the whole head is drawn fresh, whatever the checkpoint holds, with the pooler where a task's head was tuned with it; false (default): the
    /// checkpoint's head is taken over where it is for this task, and other labels than its own are an error.
    /// </summary>
    public bool FreshHead { get; init; }

    /// <summary>Where the model computes: cpu (default), cuda, cuda:0 and so on, or auto (a GPU where there is one).</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Dropout of the trunk's hidden states and attention, and of the head, from 0 to 0.99. Null: what config.json says.</summary>
    public double? Dropout { get; init; }

    /// <summary>
    /// The type in which the trunk is kept, frozen for good: bfloat16 halves its memory, and what trains is the head or an adapter. Null (default): float32,
    /// and it trains. A trunk in memory stays as it is.
    /// </summary>
    public Precision? FrozenPrecision { get; init; }

    /// <summary>Told what was assumed, and where a head that nothing has trained is asked for an answer. Null: no one is told.</summary>
    public ILogger? Logger { get; init; }

    internal ModelLoadOptions LoadOptions() =>
        new() { Seed = Seed, Dropout = Dropout, FreshHead = FreshHead, Device = Device, FrozenPrecision = FrozenPrecision };

    internal virtual NullMembers Members() => new NullMembers().Value(Device, nameof(Device));

    internal void CollectViolations(List<string> violations)
    {
        if (MaximumLength is < 3) violations.Add($"MaximumLength is {MaximumLength}: a text needs at least 3 tokens");
        if (!Enum.IsDefined(Truncation)) violations.Add(HeadErrors.NotOneOf(nameof(Truncation), Truncation));
        Limits.Dropout(Dropout, violations);
        Limits.Frozen(FrozenPrecision, violations);
    }
}

/// <summary>How a text classifier is loaded and trained.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
public sealed record TextClassifierOptions<TLabel> : TextOptions
    where TLabel : notnull
{
    /// <summary>
    /// The labels. Null: an enum's values, false and true, or the names in the checkpoint.
    /// Labels that the checkpoint's head has, too, are found by their names, in any order;
    /// where it has no names (LABEL_0 and so on), this list is the order of its outputs.
    /// </summary>
    public IReadOnlyList<TLabel>? Labels { get; init; }

    /// <summary>How much an example of a label counts, from 1e-20 to 1e20; labels not named count 1. Null: all count 1.</summary>
    public IReadOnlyDictionary<TLabel, double>? ClassWeights { get; init; }

    /// <summary>The share of the target spread over all labels (Szegedy et al. 2016, equation 9), from 0 (default) to below 1.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Gamma of the focal loss (Lin et al. 2017, equation 5): (1 - p)^gamma times the log loss; 0 (default): plain cross-entropy.</summary>
    public double FocalGamma { get; init; }

    internal override NullMembers Members() => base.Members().Entries(Labels, nameof(Labels));
}

/// <summary>How a multi-label classifier is loaded and trained.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
public sealed record TextMultiLabelerOptions<TLabel> : TextOptions
    where TLabel : notnull
{
    /// <summary>
    /// The labels. Null: an enum's values, or the names in the checkpoint. Labels that the checkpoint's head has, too, are found by their names, in any order;
    /// where it has no names (LABEL_0 and so on), this list is the order of its outputs.
    /// </summary>
    public IReadOnlyList<TLabel>? Labels { get; init; }

    /// <summary>The probability from which a label is given, from 1e-6 to 1 - 1e-6. Default 0.5.</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>How much a positive of a label counts against its negatives, from 1e-20 to 1e20; labels not named count 1. Null: all count 1.</summary>
    public IReadOnlyDictionary<TLabel, double>? PositiveWeights { get; init; }

    internal override NullMembers Members() => base.Members().Entries(Labels, nameof(Labels));
}
