using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>WordPiece (Schuster and Nakajima 2012; Devlin et al. 2019): the longest piece first, from left to right; a word with a rest is unknown.</summary>
internal sealed class WordPieceModel : WordModel
{
    private readonly string _unknownToken;
    private readonly Dictionary<string, int> _vocabulary;
    private readonly PieceTrie _trie = new();

    // Where pieces go on that stand inside a word; -1: there are none.
    private readonly int _inside;
    private readonly int _unknown;

    public WordPieceModel(Dictionary<string, int> vocabulary, string unknown, string prefix, int longestWord)
    {
        _unknownToken = unknown;
        _vocabulary = vocabulary;
        LongestWord = longestWord;
        ContinuationPrefix = prefix;
        _unknown = vocabulary.GetValueOrDefault(unknown, -1);
        foreach ((string piece, int id) in vocabulary) if (piece.Length > 0) _trie.Add(piece, id);
        _inside = PieceTrie.Start;
        foreach (char character in prefix) _inside = _inside < 0 ? -1 : _trie.Next(_inside, character);
    }

    /// <summary>The most code points of a word; a longer one is unknown.</summary>
    public int LongestWord { get; }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override string ContinuationPrefix { get; }

    private protected override void Compute(ReadOnlySpan<char> word, TokenList output)
    {
        int first = output.Count;
        if (word.Length > LongestWord && CodePoints(word) > LongestWord)
        {
            output.Add(Unknown(word), 0, word.Length);
            return;
        }
        for (int start = 0; start < word.Length;)
        {
            (int id, int end) = Longest(start == 0 ? PieceTrie.Start : _inside, word, start);
            if (id < 0)
            {
                output.Cut(first);
                output.Add(Unknown(word), 0, word.Length);
                return;
            }
            output.Add(id, start, end);
            start = end;
        }
    }

    private (int Id, int End) Longest(int node, ReadOnlySpan<char> word, int start)
    {
        (int id, int found) = (PieceTrie.Nothing, start);
        for (int end = start; end < word.Length && node >= 0;)
        {
            node = _trie.Next(node, word[end++]);
            if (node >= 0 && _trie.Value(node) is >= 0 and int value) (id, found) = (value, end);
        }
        return (id, found);
    }

    private static int CodePoints(ReadOnlySpan<char> word)
    {
        int count = 0;
        foreach (Rune _ in word.EnumerateRunes()) count++;
        return count;
    }

    private int Unknown(ReadOnlySpan<char> word) => _unknown >= 0 ? _unknown
        : throw new TokenizationException($"the word '{word}' is not in the vocabulary, and neither is the unknown token '{_unknownToken}'");
}
