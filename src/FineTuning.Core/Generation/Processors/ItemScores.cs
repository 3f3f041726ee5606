namespace FineTuning.Generation;

/// <summary>The scores of the next token of one prompt: a row for each text that is followed.</summary>
/// <param name="scores">[rows, vocabulary].</param>
/// <param name="rows">The texts so far, padding included.</param>
/// <param name="length">Tokens of each text.</param>
/// <param name="prompt">What the text follows from.</param>
internal readonly ref struct ItemScores(Span<float> scores, ReadOnlySpan<int[]> rows, int length, SearchPrompt prompt)
{
    private readonly Span<float> _scores = scores;
    private readonly ReadOnlySpan<int[]> _rows = rows;

    public int Count => _rows.Length;

    public int Length { get; } = length;

    public SearchPrompt Prompt { get; } = prompt;

    public Span<float> Scores(int row) => _scores.Slice(row * (_scores.Length / _rows.Length), _scores.Length / _rows.Length);

    public ReadOnlySpan<int> Tokens(int row) => _rows[row].AsSpan(0, Length);
}

/// <summary>One prompt of a batch.</summary>
/// <param name="Index">Its number in the batch, from 0.</param>
/// <param name="Tokens">What the decoder is given, padding included.</param>
/// <param name="Padding">How many of them are padding.</param>
/// <param name="Source">What the encoder is given; for a decoder the prompt itself.</param>
internal sealed record SearchPrompt(int Index, int[] Tokens, int Padding, int[] Source);

/// <summary>A rule that changes scores before a token is chosen.</summary>
internal interface ILogitsProcessor
{
    void Apply(in ItemScores item);
}

/// <summary>A rule that looks at one text at a time.</summary>
internal abstract class RowProcessor : ILogitsProcessor
{
    public void Apply(in ItemScores item)
    {
        for (int row = 0; row < item.Count; row++) Apply(item.Scores(row), item.Tokens(row), item.Prompt);
    }

    /// <summary>Changes the scores of one text.</summary>
    /// <param name="scores">[vocabulary].</param>
    /// <param name="tokens">The text so far, padding included.</param>
    /// <param name="prompt">What it follows from.</param>
    public abstract void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt);

    protected static void Ban(Span<float> scores, int token)
    {
        if ((uint)token < (uint)scores.Length) scores[token] = float.NegativeInfinity;
    }
}
