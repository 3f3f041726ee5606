namespace FineTuning.Generation;

/// <summary>A text that grows, with the score of each new token and the row it was appended to. Its memory doubles when it is full.</summary>
internal sealed class TextRow
{
    private const int FirstNewTokens = 256;

    private readonly int[][] _tokens = new int[1][];
    private float[] _scores;
    private int[] _parents;

    public TextRow(SearchPrompt prompt, GenerationSettings settings)
    {
        Prompt = prompt;
        Length = prompt.Tokens.Length;
        int added = Math.Min(FirstNewTokens, settings.MaximumLength - Length);
        _tokens[0] = new int[Length + added];
        prompt.Tokens.CopyTo(_tokens[0], 0);
        (_scores, _parents) = (new float[added], new int[added]);
    }

    public SearchPrompt Prompt { get; }

    /// <summary>Tokens, the prompt included.</summary>
    public int Length { get; private set; }

    /// <summary>The tokens, and room behind them.</summary>
    public int[] Buffer => _tokens[0];

    /// <summary>A list with <see cref="Buffer"/> alone.</summary>
    public ReadOnlySpan<int[]> Alone => _tokens;

    public ReadOnlySpan<int> Text => _tokens[0].AsSpan(0, Length);

    private int Added => Length - Prompt.Tokens.Length;

    public void Append(int token, float score, int parent)
    {
        EnsureRoom(Added + 1);
        (_scores[Added], _parents[Added]) = (score, parent);
        _tokens[0][Length++] = token;
    }

    /// <summary>Becomes a copy of another row of the same prompt.</summary>
    public void CopyFrom(TextRow other)
    {
        Length = other.Length;
        EnsureRoom(Added);
        other.Text.CopyTo(_tokens[0]);
        other._scores.AsSpan(0, Added).CopyTo(_scores);
        other._parents.AsSpan(0, Added).CopyTo(_parents);
    }

    /// <summary>What was generated, as it stands.</summary>
    public Generated Finished(FinishReason reason) => new(Prompt.Index, Text[Prompt.Tokens.Length..].ToArray(), reason);

    public float[] Scores() => _scores[..Added];

    public int[] Parents() => _parents[..Added];

    private void EnsureRoom(int added)
    {
        if (added <= _scores.Length) return;
        int size = (int)Math.Min(Math.Max(added, 2L * _scores.Length), Array.MaxLength - Prompt.Tokens.Length);
        Array.Resize(ref _scores, size);
        Array.Resize(ref _parents, size);
        Array.Resize(ref _tokens[0], Prompt.Tokens.Length + size);
    }
}
