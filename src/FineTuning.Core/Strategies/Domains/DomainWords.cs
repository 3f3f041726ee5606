using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Text;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>Which words of a domain become tokens of their own.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record DomainWordOptions
{
    /// <summary>The most words, from 1 to 100,000; the most frequent are taken. Default 500.</summary>
    public int Count { get; init; } = 500;

    /// <summary>How often a word must occur in the texts, 1 or more. Default 5.</summary>
    public int MinimalOccurrences { get; init; } = 5;

    /// <summary>Into how many tokens the tokenizer splits it now, at least; 2 or more. Default 3.</summary>
    public int MinimalTokens { get; init; } = 3;

    internal void CollectViolations(List<string> violations)
    {
        if (Count is not (>= 1 and <= 100_000)) violations.Add($"Count is {Count}: it is from 1 to 100,000 words");
        if (MinimalOccurrences < 1) violations.Add($"MinimalOccurrences is {MinimalOccurrences}: it is 1 or more");
        if (MinimalTokens < 2) violations.Add($"MinimalTokens is {MinimalTokens}: a word that is one token need not be added; it is 2 or more");
    }
}

/// <summary>A word that became a token.</summary>
/// <param name="Word">As it is spelled most often.</param>
/// <param name="Occurrences">How often it occurs in the texts.</param>
/// <param name="Tokens">The tokens that it was split into.</param>
public sealed record DomainWord(string Word, int Occurrences, IReadOnlyList<string> Tokens)
{
    /// <summary>The tokens that it was split into.</summary>
    public IReadOnlyList<string> Tokens { get; init => field = value ?? throw new ArgumentNullException(nameof(Tokens)); } =
        Tokens ?? throw new ArgumentNullException(nameof(Tokens));
}

/// <summary>Finds the frequent words of texts that a tokenizer splits into many tokens, and what a token of their own begins as.</summary>
internal static class DomainWords
{
    private const int LongestWord = 64;

    /// <summary>The words, the most frequent first; of equals, in ordinal order.</summary>
    public static IReadOnlyList<DomainWord> Find(PretrainedTokenizer tokenizer, IEnumerable<string> texts, DomainWordOptions options)
    {
        // One word is what is the same for the model: letters that the tokenizer does not tell apart are one.
        var found = new Dictionary<string, (int[] Ids, Dictionary<string, int> Spellings)>(StringComparer.Ordinal);
        foreach (string text in texts)
        {
            TokenizedText tokens = tokenizer.Encode(text, null, new TokenizingOptions { AddSpecialTokens = false });
            (int[] ids, int[] words, int[] starts, int[] ends) = (tokens.Ids, tokens.WordIds, tokens.Starts, tokens.Ends);
            for (int first = 0, behind; first < ids.Length; first = behind)
            {
                behind = first + 1;
                while (behind < ids.Length && words[behind] == words[first] && words[first] >= 0) behind++;
                if (behind - first < options.MinimalTokens) continue;
                string word = text[starts[first]..ends[behind - 1]].Trim();
                if (word.Length > LongestWord || !word.All(char.IsLetter)) continue;
                int[] own = ids[first..behind];
                if (tokenizer.UnknownId is { } unknown && own.Contains(unknown)) continue;
                string key = string.Join(' ', own);
                if (!found.TryGetValue(key, out (int[] Ids, Dictionary<string, int> Spellings) entry)) found[key] = entry = (own, new(StringComparer.Ordinal));
                entry.Spellings[word] = entry.Spellings.GetValueOrDefault(word) + 1;
            }
        }
        return [.. found.Values
            .Select(entry => new DomainWord(
                entry.Spellings.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).First().Key,
                entry.Spellings.Values.Sum(), [.. entry.Ids.Select(id => tokenizer.Token(id) ?? "")]))
            .Where(word => word.Occurrences >= options.MinimalOccurrences)
            .OrderByDescending(word => word.Occurrences).ThenBy(word => word.Word, StringComparer.Ordinal)
            .DistinctBy(word => word.Word).Take(options.Count)];
    }

    /// <summary>The word as a token that counts only as a whole word.</summary>
    /// <param name="word">The word.</param>
    /// <param name="takesSpace">Whether the tokenizer's own tokens carry the space before a word.</param>
    public static NewToken Token(DomainWord word, bool takesSpace) => new(word.Word) { SingleWord = true, StripLeft = takesSpace };

    /// <summary>Whether a word is other tokens behind a space than at the beginning of a text: its tokens carry the space.</summary>
    public static bool CarriesSpace(PretrainedTokenizer tokenizer)
    {
        int[] Last(string text) => tokenizer.Encode(text, null, new TokenizingOptions { AddSpecialTokens = false }).Ids;
        int[] one = Last("a"), two = Last("a a");
        return two.Length < 2 || two[^1] != one[^1] || two.Length != 2 * one.Length;
    }

    /// <summary>For each word the mean of the embeddings of the tokens that it was split into.</summary>
    /// <param name="trunk">Of the checkpoint.</param>
    /// <param name="tokenizer">Of the checkpoint, without the words.</param>
    /// <param name="words">The words.</param>
    public static Dictionary<string, float[]> Rows(Trunk trunk, PretrainedTokenizer tokenizer, IReadOnlyList<DomainWord> words)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        Tensor table = trunk.TokenTable.Weight.Value;
        var rows = new Dictionary<string, float[]>(StringComparer.Ordinal);
        foreach (DomainWord word in words)
        {
            using var own = NewDisposeScope();
            long[] ids = [.. word.Tokens.Select(token => (long)tokenizer.TokenId(token)!.Value)];
            rows[word.Word] = table.index_select(0, tensor(ids, ScalarType.Int64, table.device)).mean([0]).to(ScalarType.Float32).cpu().data<float>().ToArray();
        }
        return rows;
    }
}
