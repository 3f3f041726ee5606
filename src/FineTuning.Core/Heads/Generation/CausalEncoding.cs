using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>How supervised examples become rows.</summary>
/// <param name="MaximumLength">Tokens of a row; what is longer is cut at its end and counted.</param>
/// <param name="Learned">Which tokens are learned.</param>
/// <param name="Lost">What happens where nothing is left to learn.</param>
/// <param name="Packing">How texts share rows; with Split and Wrapped nothing is cut.</param>
internal sealed record CausalRules(int MaximumLength, LearnedTokens Learned, LostTargets Lost, PackingStrategy Packing)
{
    public bool Cuts => Packing is not (PackingStrategy.Split or PackingStrategy.Wrapped);
}

/// <summary>Texts, prompts with completions, and conversations as rows with the tokens that are learned. Thread-safe.</summary>
/// <remarks>Every token of an example is learned, is context, is the first of a row, or is counted as cut: none is lost in silence.</remarks>
internal sealed class CausalEncoding
{
    /// <summary>The reason under which examples without targets are counted.</summary>
    public const string NothingToLearn = "nothing to learn is left within the maximal length";

    private readonly PretrainedTokenizer _tokenizer;
    private readonly CausalRules _rules;
    private readonly int _end;

    /// <param name="tokenizer">The tokenizer of the checkpoint.</param>
    /// <param name="rules">How examples become rows.</param>
    /// <param name="folder">Of the tokenizer, for what a refusal says. Null: it is not from a folder.</param>
    /// <exception cref="InvalidOptionsException">The tokenizer has no token that ends a text.</exception>
    public CausalEncoding(PretrainedTokenizer tokenizer, CausalRules rules, string? folder = null)
    {
        (_tokenizer, _rules) = (tokenizer, rules);
        _end = EndToken.Require(tokenizer, folder, "prepare the checkpoint with a chat format");
    }

    public PretrainedTokenizer Tokenizer => _tokenizer;

    /// <summary>A text with its end token; all of it is learned.</summary>
    public CausalRow? Encode(string text, EncodingReport report)
    {
        ExampleParts.Require(text, "text");
        int[] ids = Ended(_tokenizer.Encode(text).Ids);
        if (string.IsNullOrWhiteSpace(text)) report.Empty();
        return Finished(ids, [.. Enumerable.Repeat(true, ids.Length)], report);
    }

    /// <summary>A prompt and its completion with the end token.</summary>
    public CausalRow? Encode(PromptCompletion example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        (TextOrTurns prompt, TextOrTurns completion) = (ExampleParts.Require(example.Prompt, "prompt"), ExampleParts.Require(example.Completion, "completion"));
        if ((prompt.Turns is null) != (completion.Turns is null))
        {
            throw new TrainingDataException("the prompt is a text and the completion turns, or the other way round: both are texts, or both are turns");
        }
        if (example.Tools?.Contains(null!) == true) throw new TrainingDataException("Tools of the record holds null; leave it out");
        if (completion.IsEmpty) throw new TrainingDataException("the completion is empty: nothing to learn");
        if (prompt.Turns is { } turns)
        {
            return Encode(
                new Conversation([.. turns, .. completion.Turns!]) { PromptTurns = turns.Count, Tools = example.Tools, Weight = example.Weight }, report);
        }
        ExampleWeight.Check(example.Weight, completion.Text!);
        (int[] ids, int first) = Split(prompt.Text!, completion.Text!);
        // Where texts follow each other unseparated, the token that begins one is predicted by the text before it.
        bool all = _rules.Learned == LearnedTokens.Everything || (prompt.IsEmpty && _rules.Packing == PackingStrategy.Wrapped);
        bool[] learned = [.. Enumerable.Range(0, ids.Length).Select(i => all || i >= first)];
        return Finished(ids, learned, report)?.Weighted(example.Weight);
    }

    /// <summary>A conversation through the tokenizer's template.</summary>
    public CausalRow? Encode(Conversation example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        EncodedChat chat = ConversationMask.Chat(_tokenizer, example);
        ExampleWeight.Check(example.Weight, chat.Text);
        bool[] learned = _rules.Learned == LearnedTokens.Everything
            ? [.. Enumerable.Repeat(true, chat.Ids.Length)]
            : ConversationMask.Of(chat, example, _rules.Learned == LearnedTokens.Completion);
        if (chat.AnswersWithoutEnd > 0 && _rules.Learned != LearnedTokens.Everything)
        {
            report.Note("answers end without an end token, so that the model does not learn to stop", chat.AnswersWithoutEnd);
        }
        if (chat.DoubledBeginTokens > 0) report.Note("the token that begins a text stands twice in a row", chat.DoubledBeginTokens);
        return Finished(chat.Ids, learned, report)?.Weighted(example.Weight);
    }

    /// <summary>
    /// Prompt and completion tokenized as one, as the model reads them, and where the completion begins: behind the longest start that the prompt alone shares.
    /// A prompt that ends in a space gives it to the completion where both are one token.
    /// </summary>
    public (int[] Ids, int First) Split(string prompt, string completion)
    {
        int[] whole = Ended(_tokenizer.Encode(prompt + completion).Ids);
        return (whole, _tokenizer.Encode(prompt).Ids.AsSpan().CommonPrefixLength(whole));
    }

    private int[] Ended(int[] ids) => ids.Length > 0 && ids[^1] == _end ? ids : [.. ids, _end];

    private CausalRow? Finished(int[] ids, bool[] learned, EncodingReport report)
    {
        int kept = _rules.Cuts ? Math.Min(ids.Length, _rules.MaximumLength) : ids.Length;
        var row = new CausalRow(ids[..kept], learned[..kept]);
        if (row.Targets == 0)
        {
            if (_rules.Lost == LostTargets.Refuse) throw new TrainingDataException(Nothing(ids, learned));
            report.Skip(NothingToLearn);
            return null;
        }
        report.Truncated(ids.Length - kept);
        report.Note("targets that were cut off", learned.AsSpan(kept).Count(true));
        report.Note("targets at the beginning of a piece, which nothing predicts", CausalPacking.LostAtPieces(row, _rules.MaximumLength, _rules.Packing));
        return row;
    }

    private string Nothing(int[] ids, bool[] learned)
    {
        int first = Array.IndexOf(learned, true);
        string text = Excerpt.Of(_tokenizer.Decode(ids.AsSpan(0, Math.Min(ids.Length, 40)), skipSpecialTokens: false));
        if (first < 0 || ids.Length == 1)
        {
            return $"\"{text}\" has nothing to learn: it has no answer, or all its answers are context; leave the record out, or set LostTargets to Skip";
        }
        return $"\"{text}\" has {ids.Length} tokens, and what is to be learned begins behind {first} of them, but a row has {_rules.MaximumLength}: "
            + "nothing to learn is left; shorten the prompt, raise MaximumLength, or set LostTargets to Skip";
    }
}
