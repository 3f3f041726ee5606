using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>How a vocabulary is trained.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record VocabularyOptions
{
    /// <summary>How many entries it gets, special tokens included; fewer where the texts do not give as many. Default 8000.</summary>
    public int Size { get; init; } = 8000;

    /// <summary>Pairs that occur less often are not merged. Default 2.</summary>
    public int MinimumFrequency { get; init; } = 2;

    /// <summary>The most different characters; rarer ones become unknown. Default 1000. A byte-level vocabulary always has all 256 bytes.</summary>
    public int AlphabetLimit { get; init; } = 1000;

    /// <summary>WordPiece: whether texts are lowercased and lose their accents first. Default true.</summary>
    public bool Lowercase { get; init; } = true;

    /// <summary>Longer words are not learned from. Default 100 characters.</summary>
    public int LongestWord { get; init; } = 100;

    /// <summary>The most tokens of a text that the tokenizer will announce. Default 512.</summary>
    public int MaximumLength { get; init; } = 512;

    /// <summary>Told from time to time how far training is; called on the training thread.</summary>
    public Action<VocabularyProgress>? OnProgress { get; init; }

    internal void Validate(int smallest)
    {
        var violations = new List<string>();
        if (Size < smallest || Size > 10_000_000) violations.Add($"Size is {Size}: it is from {smallest} to 10,000,000");
        if (MinimumFrequency < 1) violations.Add($"MinimumFrequency is {MinimumFrequency}: it is 1 or more");
        if (AlphabetLimit < 1) violations.Add($"AlphabetLimit is {AlphabetLimit}: it is 1 or more");
        if (LongestWord < 1) violations.Add($"LongestWord is {LongestWord}: it is 1 or more");
        if (MaximumLength < 3) violations.Add($"MaximumLength is {MaximumLength}: it is 3 or more");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}

/// <summary>How far the training of a vocabulary is.</summary>
/// <param name="Texts">Texts read.</param>
/// <param name="Words">Different words found.</param>
/// <param name="Entries">Entries of the vocabulary so far.</param>
/// <param name="Size">Entries it will have at most.</param>
public sealed record VocabularyProgress(long Texts, int Words, int Entries, int Size);
