using System.Buffers;
using System.Text;

namespace FineTuning.Text;

/// <summary>Finds added tokens in a text: the leftmost first, of those that begin there the longest. Immutable and thread-safe.</summary>
internal sealed class AddedVocabulary
{
    private static readonly CodePointSet WordCharacters = UnicodeTables.Word;
    private static readonly CodePointSet Spaces = UnicodeTables.Set(@"\s");

    private readonly Dictionary<char, (string Pattern, AddedToken Token)[]> _byFirst;
    private readonly SearchValues<char> _firsts;

    /// <param name="tokens">What is looked for, and the token it means.</param>
    public AddedVocabulary(IEnumerable<(string Pattern, AddedToken Token)> tokens)
    {
        _byFirst = tokens.Where(entry => entry.Pattern.Length > 0).GroupBy(entry => entry.Pattern[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(entry => entry.Pattern.Length).ToArray());
        _firsts = SearchValues.Create(_byFirst.Keys.ToArray());
    }

    public bool IsEmpty => _byFirst.Count == 0;

    /// <summary>Whether a character is in the text that a token begins with.</summary>
    public bool MayOccur(ReadOnlySpan<char> text) => !IsEmpty && text.ContainsAny(_firsts);

    /// <summary>Cuts a text into the parts between added tokens (null) and the tokens with the span they take.</summary>
    /// <param name="text">The text.</param>
    /// <param name="splitSpecial">Whether special tokens are not looked for.</param>
    /// <param name="parts">Cleared, then filled.</param>
    public void Split(ReadOnlySpan<char> text, bool splitSpecial, List<(int Start, int Length, AddedToken? Token)> parts)
    {
        parts.Clear();
        int done = 0, blankEnd = 0;
        for (int at = 0; at < text.Length && !IsEmpty;)
        {
            int offset = text[at..].IndexOfAny(_firsts);
            if (offset < 0) break;
            at += offset;
            if (Longest(text, at) is not { } found)
            {
                at++;
                continue;
            }
            (string pattern, AddedToken token) = found;
            int start = at, end = at + pattern.Length;
            at = end;
            if (token.SingleWord && (IsWord(text, start, before: true) || IsWord(text, end, before: false))) continue;
            if (splitSpecial && token.Special) continue;
            if (token.StripLeft) start = Math.Max(done, TrimStart(text, start, done));
            // A run of blanks is walked once, however many tokens stand in it.
            if (token.StripRight) end = blankEnd = end < blankEnd ? blankEnd : TrimEnd(text, end);
            if (start > done) parts.Add((done, start - done, null));
            // A token whose blanks another has taken to its right is empty, and empty parts are none.
            if (start < end) parts.Add((start, end - start, token));
            // This may lie behind what a token before has taken to its right: then those blanks are text once more, as in the reference.
            done = end;
        }
        if (done < text.Length || parts.Count == 0) parts.Add((done, text.Length - done, null));
    }

    private (string Pattern, AddedToken Token)? Longest(ReadOnlySpan<char> text, int at)
    {
        foreach ((string Pattern, AddedToken Token) entry in _byFirst[text[at]])
        {
            if (text[at..].StartsWith(entry.Pattern, StringComparison.Ordinal)) return entry;
        }
        return null;
    }

    private static bool IsWord(ReadOnlySpan<char> text, int at, bool before)
    {
        if (before ? at == 0 : at == text.Length) return false;
        Rune rune;
        _ = before ? Rune.DecodeLastFromUtf16(text[..at], out rune, out _) : Rune.DecodeFromUtf16(text[at..], out rune, out _);
        return WordCharacters.Contains(rune.Value);
    }

    private static int TrimStart(ReadOnlySpan<char> text, int start, int least)
    {
        while (start > least && Spaces.Contains(text[start - 1])) start--;
        return start;
    }

    private static int TrimEnd(ReadOnlySpan<char> text, int end)
    {
        while (end < text.Length && Spaces.Contains(text[end])) end++;
        return end;
    }
}
