using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Turns words or texts into sentences with units and windows: one label a word, each in the window where it has most context.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class TaggingEncoder(PretrainedTokenizer tokenizer, bool takesTypes, int maximumLength, int? overlap, int contextTokens, LabeledTokens labeled)
{
    // A context's text is cut before it is tokenized: more characters than this a token are rare.
    private const int CharactersAToken = 16;

    /// <summary>A sentence of words; their characters are those of the words joined by the delimiter.</summary>
    public EncodedSentence Words(IReadOnlyList<string> words, IReadOnlyList<string> before, IReadOnlyList<string> after,
        double weight = 1, string delimiter = " ")
    {
        for (int i = 0; i < words.Count; i++)
        {
            if (words[i] is null)
                throw new TrainingDataException($"word {i} of the record (Words[{i}]) is null; give an empty text, or leave word and tag out");
        }
        CheckContext(before, after);
        string[] left = [.. before.TakeLast(contextTokens)], right = [.. after.Take(contextTokens)];
        TokenizedText tokens = tokenizer.EncodeWords([.. left, .. words, .. right]);
        var spans = new WordSpan[words.Count];
        int at = 0;
        for (int i = 0; i < spans.Length; i++)
        {
            spans[i] = new(at, at + words[i].Length);
            at += words[i].Length + delimiter.Length;
        }
        var wordOf = new int[tokens.Ids.Length];
        for (int i = 0; i < wordOf.Length; i++)
        {
            int word = tokens.Special[i] ? -1 : tokens.WordIds[i] - left.Length;
            wordOf[i] = word >= 0 && word < words.Count ? word : -1;
        }
        return Build(tokens, string.Join(delimiter, words), spans, wordOf, i => spans[wordOf[i]].Start, weight);
    }

    /// <summary>A text, cut into words at the same offsets for every tokenizer, unless a token spans two.</summary>
    public EncodedSentence Text(string text, IReadOnlyList<string> before, IReadOnlyList<string> after, double weight = 1)
    {
        CheckContext(before, after);
        string left = contextTokens == 0 ? "" : Cut(string.Join(' ', before), fromEnd: true),
            right = contextTokens == 0 ? "" : Cut(string.Join(' ', after), fromEnd: false);
        if (left.Length > 0) left += " ";
        TokenizedText tokens = tokenizer.Encode(right.Length > 0 ? $"{left}{text} {right}" : left + text);
        WordSpan[] own = [.. WordBoundaries.Of(text)];
        var words = new List<WordSpan>();
        var wordOf = new int[tokens.Ids.Length];
        Array.Fill(wordOf, -1);
        int reached = -1;
        for (int i = 0; i < wordOf.Length; i++)
        {
            if (tokens.Special[i]) continue;
            int start = tokens.Starts[i] - left.Length, end = tokens.Ends[i] - left.Length;
            if (end < 0 || (end == 0 && left.Length > 0) || start >= text.Length) continue;
            start = Math.Max(start, 0);
            while (start < end && start < text.Length && char.IsWhiteSpace(text[start])) start++;
            int first = WordAt(own, start), last = Math.Max(first, WordAt(own, Math.Min(end, text.Length) - 1));
            if (first < 0) continue;
            if (first > reached || words.Count == 0) words.Add(new(own[first].Start, own[last].End));
            else if (last > reached) words[^1] = new(words[^1].Start, own[last].End);
            reached = Math.Max(reached, last);
            wordOf[i] = words.Count - 1;
        }
        return Build(tokens, text, [.. words], wordOf, _ => -left.Length, weight);
    }

    /// <summary>Tokens as they are, each a word of its own.</summary>
    public EncodedSentence Tokens(TokenizedText tokens, string text)
    {
        int word = 0;
        int[] wordOf = [.. tokens.Special.Select(special => special ? -1 : word++)];
        return Build(tokens, text, new WordSpan[word], wordOf, _ => 0, 1);
    }

    private static void CheckContext(IReadOnlyList<string> before, IReadOnlyList<string> after)
    {
        foreach ((string name, IReadOnlyList<string> texts) in new[] { (nameof(TaggedText.Before), before), (nameof(TaggedText.After), after) })
        {
            if (texts is null) throw new TrainingDataException($"{name} of the record is null; without context it is an empty list");
            for (int i = 0; i < texts.Count; i++)
            {
                if (texts[i] is null) throw new TrainingDataException($"{name}[{i}] of the record is null; leave it out");
            }
        }
    }

    /// <summary>The word in which a character stands, or the next one; -1: there is none.</summary>
    private static int WordAt(WordSpan[] words, int character)
    {
        int low = EncodedSentence.FirstWhere(words, word => word.End > character);
        return Math.Min(low, words.Length - 1);
    }

    private EncodedSentence Build(TokenizedText tokens, string text, WordSpan[] words, int[] wordOf, Func<int, int> offset, double weight)
    {
        var units = new List<Unit>();
        var unitAt = new int[wordOf.Length];
        Array.Fill(unitAt, -1);
        for (int i = 0, reached = -1; i < wordOf.Length; i++)
        {
            int word = wordOf[i];
            if (word < 0 || (labeled == LabeledTokens.First && word == reached)) continue;
            reached = word;
            unitAt[i] = units.Count;
            units.Add(labeled == LabeledTokens.First ? new(word, words[word].Start, words[word].End)
                : new(word, tokens.Starts[i] + offset(i), tokens.Ends[i] + offset(i)));
        }
        var sentence = new EncodedSentence(text, words, [.. units]);
        sentence.Windows = Windows(tokens, sentence, wordOf, unitAt, weight);
        return sentence;
    }

    private List<SentenceWindow> Windows(TokenizedText tokens, EncodedSentence sentence, int[] wordOf, int[] unitAt, double weight)
    {
        int prefix = tokens.Special.TakeWhile(special => special).Count(), suffix = tokens.Special.Skip(prefix).Reverse().TakeWhile(special => special).Count();
        int count = tokens.Ids.Length - prefix - suffix, room = maximumLength - prefix - suffix;
        if (sentence.Units.Length == 0) return [];
        if (room < 1)
            throw new InvalidOptionsException(
                [$"MaximumLength is {maximumLength}: the model's own tokens take {prefix + suffix} of them, so nothing is left for a word"]);
        (int start, int end) = Context(wordOf, prefix, prefix + count, room);
        List<TokenWindow> windows = Split(end - start, room);
        var owned = new List<(int Position, int Unit)>[windows.Count];
        for (int w = 0; w < windows.Count; w++) owned[w] = [];
        for (int i = start, w = 0; i < end; i++)
        {
            if (unitAt[i] < 0) continue;
            // Windows go forward, so the best one does too; a tie stays with the earlier.
            while (w + 1 < windows.Count && Room(windows[w + 1], i - start) > Room(windows[w], i - start)) w++;
            owned[w].Add((prefix + i - start - windows[w].Start, unitAt[i]));
        }
        var rows = new List<SentenceWindow>();
        for (int w = 0; w < windows.Count; w++)
        {
            if (owned[w].Count == 0) continue;
            int from = start + windows[w].Start, to = from + windows[w].Count;
            T[] Cut<T>(T[] values) => [.. values[..prefix], .. values[from..to], .. values[^suffix..]];
            int[] types = Cut(tokens.TypeIds);
            rows.Add(new(Cut(tokens.Ids), takesTypes && Array.Exists(types, id => id != 0) ? types : null, sentence, [.. owned[w]], weight));
        }
        return rows;
    }

    /// <summary>How many tokens stand on the poorer side of a token in a window; below 0: it is not in it.</summary>
    private static int Room(TokenWindow window, int token) => Math.Min(token - window.Start, window.Start + window.Count - 1 - token);

    /// <summary>The tokens that are read: the sentence, and as much of its context as is asked for and fits, the same on both sides where there is.</summary>
    private (int Start, int End) Context(int[] wordOf, int first, int end, int room)
    {
        int from = Array.FindIndex(wordOf, first, word => word >= 0), to = Array.FindLastIndex(wordOf, end - 1, end - first, word => word >= 0) + 1;
        if (contextTokens == 0) return (first, end);
        int left = Math.Min(contextTokens, from - first), right = Math.Min(contextTokens, end - to);
        int spare = Math.Max(0, room - (to - from));
        if (left + right > spare && to - from < room)
        {
            int half = spare / 2;
            (left, right) = left <= half ? (left, spare - left) : right <= half ? (spare - right, right) : (half, spare - half);
        }
        return (from - left, to + right);
    }

    private List<TokenWindow> Split(int count, int room)
    {
        if (count <= room) return [new(0, count)];
        int shared = overlap ?? room / 4;
        if (shared >= room) throw new InvalidOptionsException([$"WindowOverlap is {shared}: a window has room for {room} tokens, so it is below that"]);
        var windows = new List<TokenWindow>();
        for (int start = 0; ; start += room - shared)
        {
            // The last window reaches back as far as it can: more context costs nothing.
            if (start + room >= count)
            {
                windows.Add(new(count - room, room));
                return windows;
            }
            windows.Add(new(start, room));
        }
    }

    private string Cut(string text, bool fromEnd)
    {
        int most = contextTokens * CharactersAToken;
        return text.Length <= most ? text : fromEnd ? text[^most..] : text[..most];
    }

    /// <summary>Tokens that one pass reads, counted in the sentence and its context.</summary>
    private readonly record struct TokenWindow(int Start, int Count);
}
