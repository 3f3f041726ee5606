namespace FineTuning.Text;

/// <summary>A text as the model sees it. Immutable; offsets count UTF-16 units, the index of a C# string.</summary>
public sealed class TokenizedText
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly Dictionary<int, string>? _surface;

    internal TokenizedText(PretrainedTokenizer tokenizer, TokenRun run, int truncated)
    {
        _tokenizer = tokenizer;
        (Ids, TypeIds, Starts, Ends, WordIds, SequenceIds, Special) = ([.. run.Ids], [.. run.Types], [.. run.Starts], [.. run.Ends], [.. run.Words], [.. run.Sequences], [.. run.Special]);
        _surface = run.Surface;
        TruncatedTokens = truncated;
    }

    /// <summary>Token ids.</summary>
    public int[] Ids { get; }

    /// <summary>0 for the first text, 1 for the second, as the model's template says.</summary>
    public int[] TypeIds { get; }

    /// <summary>Where each token begins in its text; 0 for tokens that stand in none.</summary>
    public int[] Starts { get; }

    /// <summary>Where each token ends in its text; 0 for tokens that stand in none.</summary>
    public int[] Ends { get; }

    /// <summary>The number of the word each token belongs to, from 0 in each text; -1 for tokens that the template put there.</summary>
    public int[] WordIds { get; }

    /// <summary>0 for the first text, 1 for the second, -1 for tokens that the template put there.</summary>
    public int[] SequenceIds { get; }

    /// <summary>Whether a token was put there by the template.</summary>
    public bool[] Special { get; }

    /// <summary>The other windows where the text was cut with <see cref="TokenizingOptions.KeepOverflow"/>; else empty.</summary>
    public IReadOnlyList<TokenizedText> Overflow { get; internal init; } = [];

    /// <summary>How many tokens of the text are not in <see cref="Ids"/>; 0: all are.</summary>
    public int TruncatedTokens { get; }

    /// <summary>The text of a token: its entry in the vocabulary, or what stood in the text where that differs.</summary>
    /// <param name="index">The token's place.</param>
    public string Token(int index) => _surface is not null && _surface.TryGetValue(index, out string? text) ? text : _tokenizer.Token(Ids[index]) ?? "";

    /// <summary>The token that covers a character of a text, or -1.</summary>
    /// <param name="character">The index in the string.</param>
    /// <param name="sequence">0 for the first text, 1 for the second.</param>
    public int TokenAt(int character, int sequence = 0)
    {
        for (int i = 0; i < Ids.Length; i++)
        {
            if (SequenceIds[i] == sequence && Starts[i] <= character && character < Ends[i]) return i;
        }
        return -1;
    }
}
