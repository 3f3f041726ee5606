using System.Text;

namespace FineTuning.Text;

/// <summary>WordPiece (Schuster and Nakajima 2012; Devlin et al. 2019): the longest piece first, from left to right; a word with a rest is unknown.</summary>
internal sealed class WordPieceModel : WordModel
{
    private readonly string _unknownToken;
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly string _prefix;
    private readonly int _unknown;
    private readonly int _longestWord;
    private readonly int _longestPiece;

    public WordPieceModel(Dictionary<string, int> vocabulary, string unknown, string prefix, int longestWord)
    {
        _unknownToken = unknown;
        _vocabulary = vocabulary;
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _prefix = prefix;
        _longestWord = longestWord;
        _unknown = vocabulary.GetValueOrDefault(unknown, -1);
        _longestPiece = vocabulary.Count == 0 ? 0 : vocabulary.Keys.Max(piece => piece.Length);
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    private protected override WordTokens Compute(ReadOnlySpan<char> word)
    {
        if (word.Length > _longestWord && CodePoints(word) > _longestWord) return Unknown(word);
        var ids = new List<int>();
        var starts = new List<int>();
        Span<char> buffer = stackalloc char[256];
        for (int start = 0; start < word.Length;)
        {
            int prefix = start == 0 ? 0 : _prefix.Length;
            int end = Math.Min(word.Length, start + _longestPiece);
            int found = -1;
            int size = prefix + end - start;
            Span<char> candidate = size <= buffer.Length ? buffer[..size] : new char[size];
            if (prefix > 0) _prefix.CopyTo(candidate);
            word[start..end].CopyTo(candidate[prefix..]);
            for (; end > start; end--)
            {
                if (_lookup.TryGetValue(candidate[..(prefix + end - start)], out found)) break;
                found = -1;
            }
            if (found < 0) return Unknown(word);
            ids.Add(found);
            starts.Add(start);
            start = end;
        }
        int[] ends = [.. starts.Skip(1), word.Length];
        return new([.. ids], [.. starts], ends);
    }

    private static int CodePoints(ReadOnlySpan<char> word)
    {
        int count = 0;
        foreach (Rune _ in word.EnumerateRunes()) count++;
        return count;
    }

    private WordTokens Unknown(ReadOnlySpan<char> word) => _unknown >= 0 ? new([_unknown], [0], [word.Length])
        : throw new InvalidOperationException($"the word '{word}' is not in the vocabulary, and neither is the unknown token '{_unknownToken}'");
}
