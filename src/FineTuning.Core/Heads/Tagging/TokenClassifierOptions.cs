using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tensors;
using Microsoft.Extensions.Logging;

namespace FineTuning.Heads;

/// <summary>Which of a word's tokens carry its label.</summary>
public enum LabeledTokens
{
    /// <summary>The first; the others are read but neither learned nor predicted.</summary>
    First,

    /// <summary>Each: an entity goes on over all tokens of its words (B-PER, then I-PER within the word).</summary>
    All,
}

/// <summary>What happens with sequences of tags that are not well formed in their scheme, such as an I that follows nothing.</summary>
public enum BrokenTags
{
    /// <summary>They are read as conlleval reads them, and counted.</summary>
    Repair,

    /// <summary>They are an error.</summary>
    Refuse,
}

/// <summary>How a tagger is loaded and trained.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record TokenClassifierOptions
{
    /// <summary>
    /// The model's tags, written out (O, B-PER, ...). Null: they follow from the entity types, or from the checkpoint.
    /// Tags that the checkpoint's head has, too, are found by their names, in any order;
    /// where it has no names (LABEL_0 and so on), this list is the order of its outputs.
    /// </summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>The model's own scheme, into which all data is converted. Null: what its tags speak for, or IOB2.</summary>
    public TaggingScheme? Scheme { get; init; }

    /// <summary>Which of a word's tokens carry its label. Default: the first.</summary>
    public LabeledTokens LabeledTokens { get; init; }

    /// <summary>What happens with broken sequences in the data. Default: they are repaired, and counted.</summary>
    public BrokenTags BrokenTags { get; init; }

    /// <summary>
    /// Whether a conditional random field (Lafferty et al. 2001) stands above the scores: it learns which tag follows which, and forbids what the scheme
    /// does. Null (default): if the checkpoint has one.
    /// </summary>
    public bool? Crf { get; init; }

    /// <summary>
    /// Whether only sequences that are well formed in the scheme are predicted; with a CRF they always are. Default true;
    /// false: each word by itself, as transformers does.
    /// </summary>
    public bool Constrained { get; init; } = true;

    /// <summary>
    /// Tokens of the document taken as context on each side of a sentence (FLERT, Schweter and Akbik 2020): read, never learned. Default 0; 64 in the paper.
    /// </summary>
    public int ContextTokens { get; init; }

    /// <summary>Tokens that two windows of a long sentence share. Null (default): a quarter of a window.</summary>
    public int? WindowOverlap { get; init; }

    /// <summary>Tokens in a window, special ones included. Null: what tokenizer and model allow, at most 512.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>The share of the target spread over all tags, from 0 (default) to below 1; not with a CRF.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>The seed of weights that the checkpoint does not have (a new head). Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>
    /// Whether the whole head is drawn fresh, whatever the checkpoint holds; false (default): the checkpoint's head is taken over where it is a tagger's, and
    /// other tags than its own are an error.
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

    /// <summary>
    /// Told where a head that nothing has trained is asked for an answer. Null: no one is told; see <see cref="TokenClassifier.HasUntrainedHead"/>.
    /// </summary>
    public ILogger? Logger { get; init; }

    internal ModelLoadOptions LoadOptions() =>
        new() { Seed = Seed, Dropout = Dropout, FreshHead = FreshHead, Device = Device, FrozenPrecision = FrozenPrecision };

    internal void Validate()
    {
        new NullMembers().Value(Device, nameof(Device)).Entries(Tags, nameof(Tags)).Require("options");
        var violations = new List<string>();
        if (MaximumLength is < 3) violations.Add($"MaximumLength is {MaximumLength}: a window needs at least 3 tokens");
        Limits.Dropout(Dropout, violations);
        Limits.Frozen(FrozenPrecision, violations);
        if (LabelSmoothing is not (>= 0 and < 1)) violations.Add($"LabelSmoothing is {LabelSmoothing}: it is from 0 to below 1");
        if (LabelSmoothing > 0 && Crf == true) violations.Add("LabelSmoothing and Crf are both set: a CRF's loss has no smoothing");
        if (ContextTokens < 0) violations.Add($"ContextTokens is {ContextTokens}: it is 0 or more");
        if (WindowOverlap < 0) violations.Add($"WindowOverlap is {WindowOverlap}: it is 0 or more");
        if (!Enum.IsDefined(LabeledTokens)) violations.Add(HeadErrors.NotOneOf(nameof(LabeledTokens), LabeledTokens));
        if (!Enum.IsDefined(BrokenTags)) violations.Add(HeadErrors.NotOneOf(nameof(BrokenTags), BrokenTags));
        if (Scheme is { } scheme && !Enum.IsDefined(scheme)) violations.Add(HeadErrors.NotOneOf("Scheme", scheme));
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}
