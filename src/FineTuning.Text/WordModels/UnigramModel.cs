using System.Buffers;
using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// The unigram language model (Kudo 2018): of all ways to cut a word into pieces, the one of the highest sum of scores, found from left to right.
/// </summary>
internal sealed class UnigramModel : WordModel
{
    // What an unknown character costs more than the worst piece, as in SentencePiece.
    private const double UnknownPenalty = 10;

    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly double[] _scores;
    private readonly PieceTrie _trie = new();
    private readonly int[]? _bytes;
    private readonly double _unknownScore;

    /// <param name="pieces">Pieces with their scores, in the order of their ids.</param>
    /// <param name="unknown">The id of what is unknown; -1: a word with an unknown character is refused.</param>
    /// <param name="byteFallback">Whether an unknown character becomes its bytes' pieces, where all are in the vocabulary.</param>
    /// <param name="path">The file the pieces stand in.</param>
    public UnigramModel(IReadOnlyList<(string Piece, double Score)> pieces, int unknown, bool byteFallback, string path)
    {
        if (unknown >= pieces.Count) throw new CheckpointException(path, $"its unk_id is {unknown}, but its vocabulary has {pieces.Count} entries");
        _vocabulary = new(pieces.Count, StringComparer.Ordinal);
        _lookup = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _scores = new double[pieces.Count];
        double least = double.PositiveInfinity;
        for (int id = 0; id < pieces.Count; id++)
        {
            (string piece, double score) = pieces[id];
            if (double.IsNaN(score)) throw new CheckpointException(path, $"the score of the piece '{piece}' is no number");
            _vocabulary[piece] = id;
            _scores[id] = score;
            least = Math.Min(least, score);
            if (piece.Length > 0) _trie.Add(piece, id);
        }
        UnknownId = unknown;
        _unknownScore = least - UnknownPenalty;
        if (byteFallback) _bytes = [.. Enumerable.Range(0, 256).Select(value => _vocabulary.GetValueOrDefault($"<0x{value:X2}>", -1))];
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override int UnknownId { get; }

    private protected override void Compute(ReadOnlySpan<char> word, TokenList output)
    {
        const int longestOnStack = 128, longestPooled = 1 << 14;
        if (word.Length <= longestOnStack)
        {
            Span<(double Score, int From, int Id)> best = stackalloc (double Score, int From, int Id)[word.Length + 1];
            Cut(word, best, output);
            return;
        }
        // The pool would round the room for a very long word up to a power of two, and keep it.
        if (word.Length > longestPooled)
        {
            Cut(word, new (double Score, int From, int Id)[word.Length + 1], output);
            return;
        }
        (double Score, int From, int Id)[] rented = ArrayPool<(double Score, int From, int Id)>.Shared.Rent(word.Length + 1);
        Cut(word, rented.AsSpan(0, word.Length + 1), output);
        ArrayPool<(double Score, int From, int Id)>.Shared.Return(rented);
    }

    private void Cut(ReadOnlySpan<char> word, Span<(double Score, int From, int Id)> best, TokenList output)
    {
        best.Fill((0, -1, 0));
        best[0].From = 0;
        for (int start = 0; start < word.Length;)
        {
            double score = best[start].Score;
            int character = char.IsHighSurrogate(word[start]) && start + 1 < word.Length ? 2 : 1;
            bool known = false;
            int node = PieceTrie.Start;
            for (int end = start; end < word.Length;)
            {
                node = _trie.Next(node, word[end++]);
                if (node < 0) break;
                int id = _trie.Value(node);
                if (id == PieceTrie.Nothing) continue;
                Offer(ref best[end], score + _scores[id], start, id);
                known |= end == start + character;
            }
            if (!known)
            {
                if (UnknownId < 0)
                    throw new TokenizationException(
                        $"the text has the character '{word.Slice(start, character)}', which is not in the vocabulary, and the tokenizer has no unknown token");
                Offer(ref best[start + character], score + _unknownScore, start, UnknownId);
            }
            start += character;
        }
        Path(word, best, output);
    }

    private static void Offer(ref (double Score, int From, int Id) best, double score, int from, int id)
    {
        if (best.From < 0 || score > best.Score) best = (score, from, id);
    }

    // From the end to the beginning; unknown characters side by side are one.
    private void Path(ReadOnlySpan<char> word, ReadOnlySpan<(double Score, int From, int Id)> best, TokenList output)
    {
        int first = output.Count;
        for (int end = best.Length - 1; end > 0;)
        {
            (_, int from, int id) = best[end];
            if (id == UnknownId) while (from > 0 && best[from].Id == UnknownId) from = best[from].From;
            ReadOnlySpan<char> piece = word[from..end];
            // Unknown characters that were joined may make up a piece after all.
            if (id != UnknownId || _lookup.TryGetValue(piece, out id)) output.Add(id, from, end);
            else if (_bytes is null || !AddBytes(output, piece, from, end)) output.Add(UnknownId, from, end);
            end = from;
        }
        output.Reverse(first);
    }

    private bool AddBytes(TokenList tokens, ReadOnlySpan<char> piece, int start, int end)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, bytes);
        if (Array.Exists(bytes, value => _bytes![value] < 0)) return false;
        // The last first: the order is turned round when all are there.
        Array.Reverse(bytes);
        foreach (byte value in bytes) tokens.Add(_bytes![value], start, end);
        return true;
    }
}
