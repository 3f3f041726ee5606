using System.Globalization;

namespace FineTuning.Text;

/// <summary>A conversation as a causal model trains on it. Immutable; positions count UTF-16 units of <see cref="Text"/>.</summary>
public sealed class EncodedChat
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly TokenizedText _tokens;
    private readonly int _first;

    internal EncodedChat(PretrainedTokenizer tokenizer, ChatRendering rendering, TokenizedText tokens, bool[] mask, ChatOptions options)
    {
        (_tokenizer, _tokens, Text, Source, AnswerRanges) = (tokenizer, tokens, rendering.Text, rendering.Source, rendering.AnswerRanges);
        int total = tokens.Ids.Length, kept = Math.Min(options.MaximumLength ?? total, total);
        _first = tokenizer.CutsLeft ? total - kept : 0;
        Range window = _first..(_first + kept);
        (Ids, Starts, Ends, LossMask) = (tokens.Ids[window], tokens.Starts[window], tokens.Ends[window], mask[window]);
        LearnedTokens = LossMask.Count(learned => learned);
        TruncatedTokens = total - kept;
        TruncatedLearnedTokens = mask.Count(learned => learned) - LearnedTokens;
        (int? begin, int? end) = (tokenizer.BeginId, tokenizer.EndId);
        DoubledBeginTokens = begin == end ? 0 : Pairs(begin);
        AdjacentEndTokens = Pairs(end);
        AnswersWithoutEnd = CountOpen();
        Problems = Describe(options);
    }

    /// <summary>The rendered conversation, all of it.</summary>
    public string Text { get; }

    /// <summary>Token ids.</summary>
    public int[] Ids { get; }

    /// <summary>Where each token begins in the text.</summary>
    public int[] Starts { get; }

    /// <summary>Where each token ends in the text.</summary>
    public int[] Ends { get; }

    /// <summary>Whether each token is learned: it is part of an answer, or the end token behind one. A model learns it from the tokens before it.</summary>
    public bool[] LossMask { get; }

    /// <summary>How it is known where answers stand.</summary>
    public AnswerSource Source { get; }

    /// <summary>Where answers stand in the text, in order.</summary>
    public IReadOnlyList<(int Start, int End)> AnswerRanges { get; }

    /// <summary>How many tokens are learned; 0: the conversation teaches nothing.</summary>
    public int LearnedTokens { get; }

    /// <summary>How many tokens were cut off.</summary>
    public int TruncatedTokens { get; }

    /// <summary>How many of the tokens that were cut off were to be learned.</summary>
    public int TruncatedLearnedTokens { get; }

    /// <summary>How often the token that begins a text stands twice in a row: the template writes one, and something else another.</summary>
    public int DoubledBeginTokens { get; }

    /// <summary>How often the token that ends a text stands twice in a row.</summary>
    public int AdjacentEndTokens { get; }

    /// <summary>
    /// How many learned stretches end without a token of the vocabulary's added ones:
    /// the model does not learn to stop there. One that was cut off does not count.
    /// </summary>
    public int AnswersWithoutEnd { get; }

    /// <summary>What is wrong, in words. Empty: nothing was noticed.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Every token, its text, and whether it is learned: a line each.</summary>
    public string Explain() => MaskExplanation.AsText(this);

    /// <summary>The conversation as a page that needs nothing else, learned tokens in colour.</summary>
    public string ExplainHtml() => MaskExplanation.AsHtml(this);

    /// <summary>What stands in the text for a token; its entry in the vocabulary where it shares a character with others or stands for none.</summary>
    internal string SurfaceOf(int token)
    {
        bool shared = (token > 0 && Starts[token] < Ends[token - 1]) || (token + 1 < Ids.Length && Starts[token + 1] < Ends[token]);
        return shared || Ends[token] <= Starts[token] ? _tokens.Token(_first + token) : Text[Starts[token]..Ends[token]];
    }

    private int Pairs(int? id)
    {
        int pairs = 0;
        for (int i = 1; i < Ids.Length; i++)
        {
            if (id is not null && Ids[i] == id && Ids[i - 1] == id) pairs++;
        }
        return pairs;
    }

    private int CountOpen()
    {
        int open = 0;
        for (int i = 0; i < Ids.Length; i++)
        {
            bool ends = LossMask[i] && (i + 1 < Ids.Length ? !LossMask[i + 1] : TruncatedTokens == 0 || _first > 0);
            if (!ends) continue;
            int last = i;
            while (last > 0 && LossMask[last - 1] && !_tokenizer.IsAdded(Ids[last]) && string.IsNullOrWhiteSpace(Text[Starts[last]..Ends[last]])) last--;
            if (!_tokenizer.IsAdded(Ids[last])) open++;
        }
        return open;
    }

    private List<string> Describe(ChatOptions options)
    {
        var problems = new List<string>();
        void Add(FormattableString problem) => problems.Add(problem.ToString(CultureInfo.InvariantCulture));
        if (LearnedTokens == 0 && !options.IsPrompt)
        {
            string reason = TruncatedLearnedTokens > 0 ? "the answers were cut off"
                : AnswerRanges.Count == 0 ? "it has no answer by the assistant" : "its answers are empty";
            Add($"nothing of its {Ids.Length} tokens is learned: {reason}");
        }
        if (TruncatedTokens > 0)
            Add($"{TruncatedTokens} of {TruncatedTokens + Ids.Length} tokens were cut off, {TruncatedLearnedTokens} of them to be learned");
        else if (Ids.Length > _tokenizer.MaximumLength)
            Add($"it has {Ids.Length} tokens; the tokenizer's files say that the model takes {_tokenizer.MaximumLength}");
        if (DoubledBeginTokens > 0) Add($"the token that begins a text stands twice in a row, {DoubledBeginTokens} times");
        if (AdjacentEndTokens > 0) Add($"the token that ends a text stands twice in a row, {AdjacentEndTokens} times");
        if (AnswersWithoutEnd > 0) Add($"{AnswersWithoutEnd} answers end without an end token, so that the model does not learn to stop");
        return problems;
    }
}
