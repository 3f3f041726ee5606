namespace FineTuning.Heads;

/// <summary>How a sentence encoder is loaded.</summary>
public sealed record SentenceEncoderOptions : TextOptions
{
    /// <summary>
    /// How tokens become one vector; several ways are joined. Null: what the folder says, or the mean where it says nothing (which is logged).
    /// </summary>
    public IReadOnlyList<SentencePooling>? Pooling { get; init; }

    /// <summary>Whether vectors are scaled to length 1. Null: what the folder says, or not where it says nothing.</summary>
    public bool? Normalize { get; init; }

    /// <summary>A text put before every text. Null: the folder's default prompt, where it has one; an empty string: none.</summary>
    public string? Prompt { get; init; }

    internal new void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (Pooling is { Count: 0 }) violations.Add("Pooling is an empty list: leave it null or name at least one way");
        foreach (SentencePooling mode in Pooling ?? [])
        {
            if (!Enum.IsDefined(mode)) violations.Add($"Pooling holds {mode}: it is {string.Join(", ", Enum.GetNames<SentencePooling>())}");
        }
    }
}
