using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>Bans all tokens but those that the caller allows. Where other rules left none of them to any text of a prompt, they have the score 0.</summary>
internal sealed class AllowedTokensProcessor(AllowedTokens allowed, int vocabularySize) : ILogitsProcessor
{
    private readonly bool[] _isAllowed = new bool[vocabularySize];
    private IReadOnlyList<int>[] _lists = [];

    public void Apply(in ItemScores item)
    {
        if (_lists.Length < item.Count) _lists = new IReadOnlyList<int>[item.Count];
        bool isOpen = false;
        for (int row = 0; row < item.Count; row++)
        {
            _lists[row] = Ask(item, row);
            Span<float> scores = item.Scores(row);
            for (int i = 0; i < _lists[row].Count && !isOpen; i++) isOpen = !float.IsNegativeInfinity(scores[_lists[row][i]]);
        }
        for (int row = 0; row < item.Count; row++) Keep(item.Scores(row), _lists[row], isOpen);
    }

    private IReadOnlyList<int> Ask(in ItemScores item, int row)
    {
        IReadOnlyList<int> tokens = allowed(item.Prompt.Index, item.Tokens(row));
        if (tokens is null) throw new ArgumentException($"PrefixAllowedTokens gave null for prompt {item.Prompt.Index}: it gives one token or more");
        if (tokens.Count == 0) throw Fault(item, "no token: it gives one or more, for example the end token");
        for (int i = 0; i < tokens.Count; i++)
        {
            if ((uint)tokens[i] >= (uint)_isAllowed.Length) throw Fault(item, $"{tokens[i]}: the model's vocabulary has {_isAllowed.Length} tokens, from 0");
        }
        return tokens;
    }

    private static FineTuningException Fault(in ItemScores item, string what) =>
        new($"PrefixAllowedTokens, asked for the token after {item.Length} of prompt {item.Prompt.Index}, gave {what}");

    private void Keep(Span<float> scores, IReadOnlyList<int> tokens, bool isOpen)
    {
        for (int i = 0; i < tokens.Count; i++) _isAllowed[tokens[i]] = true;
        for (int token = 0; token < scores.Length; token++)
        {
            if (!_isAllowed[token]) scores[token] = float.NegativeInfinity;
            else if (!isOpen) scores[token] = 0;
        }
        for (int i = 0; i < tokens.Count; i++) _isAllowed[tokens[i]] = false;
    }
}
