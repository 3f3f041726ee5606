namespace FineTuning.Heads;

/// <summary>An entity found in a text.</summary>
/// <param name="Type">Its type, for example PER; where tokens are not grouped, the tag as it is.</param>
/// <param name="Text">The characters it covers.</param>
/// <param name="Start">Its first character: the index in the C# string (UTF-16 units).</param>
/// <param name="End">Where it ends: the index behind its last character.</param>
/// <param name="Score">How sure the model is, from 0 to 1.</param>
public sealed record Entity(string Type, string Text, int Start, int End, double Score)
{
    /// <summary>The tokenizer's spelling of its tokens, as transformers' pipeline calls it "word": spaces at seams may be lost. Null: not asked for.</summary>
    public string? Spelling { get; init; }

    /// <summary>The index of its token, special ones counted, where tokens are not grouped. Null: it has several.</summary>
    public int? Token { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Type} \"{Text}\" ({Score:P1})";
}

/// <summary>A word with its tag.</summary>
/// <param name="Word">The word.</param>
/// <param name="Tag">Its tag in the model's scheme.</param>
/// <param name="Start">Its first character; where words were given, in the words joined by single spaces.</param>
/// <param name="End">The index behind its last character.</param>
/// <param name="Score">The tag's probability, from 0 to 1; 0 where the word has no token and is O for that.</param>
public readonly record struct WordTag(string Word, string Tag, int Start, int End, double Score);

/// <summary>What a tagger answers about a sentence.</summary>
/// <param name="Words">Every word with its tag.</param>
/// <param name="Entities">The entities in the order of the text.</param>
public sealed record TaggedPrediction(IReadOnlyList<WordTag> Words, IReadOnlyList<Entity> Entities);

/// <summary>How token scores become entities.</summary>
public enum EntityAggregation
{
    /// <summary>This library's: one tag a word, the best sequence of tags as a whole.</summary>
    Words,

    /// <summary>The pipeline of transformers: every token by itself.</summary>
    None,

    /// <summary>The pipeline of transformers: neighbouring tokens of one type.</summary>
    Simple,

    /// <summary>The pipeline of transformers: a word has its first token's tag.</summary>
    First,

    /// <summary>The pipeline of transformers: a word has the tag of its tokens' mean probabilities.</summary>
    Average,

    /// <summary>The pipeline of transformers: a word has the tag of its surest token.</summary>
    Max,
}

/// <summary>What happens with texts longer than a window.</summary>
public enum LongTexts
{
    /// <summary>Overlapping windows; each token's scores come from the window in which it has most context.</summary>
    Windows,

    /// <summary>What does not fit is cut, and nothing is found in it: the pipeline of transformers without a stride.</summary>
    Cut,

    /// <summary>Overlapping windows are read apart; of entities that overlap the longer stays: the pipeline of transformers with a stride.</summary>
    MergeEntities,
}

/// <summary>How entities are asked for.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record EntityOptions
{
    /// <summary>How token scores become entities. Default: by words.</summary>
    public EntityAggregation Aggregation { get; init; }

    /// <summary>Types (or tags) that are not answered. Default: O.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = ["O"];

    /// <summary>
    /// What happens with texts longer than a window. Default: overlapping windows by context; with <see cref="EntityAggregation.Words"/> always that.
    /// </summary>
    public LongTexts LongTexts { get; init; }

    /// <summary>Tokens that two windows share with <see cref="LongTexts.MergeEntities"/>: from 0 to below the room of a window.</summary>
    public int Stride { get; init; }

    /// <summary>What stands between words that are given one by one. Default: a space.</summary>
    public string Delimiter { get; init; } = " ";
}
