using System.Text;

namespace FineTuning.Text;

/// <summary>How often each word occurs in texts, as a tokenizer's first steps cut them.</summary>
internal sealed class WordCounter(Normalizer? normalizer, PreTokenizer preTokenizer, VocabularyOptions options)
{
    private const int TextsBetweenReports = 1000;

    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public long Texts { get; private set; }

    /// <summary>Words and counts, in an order that depends on nothing but the texts.</summary>
    public IReadOnlyList<KeyValuePair<string, long>> Words => [.. _counts.OrderBy(pair => pair.Key, StringComparer.Ordinal)];

    public void Count(IEnumerable<string> texts, CancellationToken cancellation)
    {
        var pieces = new PieceList();
        Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> counts = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string text in texts)
        {
            ArgumentNullException.ThrowIfNull(text, nameof(texts));
            cancellation.ThrowIfCancellationRequested();
            var aligned = new AlignedText(text, 0);
            normalizer?.Apply(aligned);
            pieces.Reset(aligned.Most);
            preTokenizer.Split(new Piece(aligned, 0, aligned.Length), pieces);
            foreach (Piece piece in pieces.Items)
            {
                if (piece.Length > options.LongestWord) continue;
                counts[piece.Characters] = counts.TryGetValue(piece.Characters, out long count) ? count + 1 : 1;
            }
            if (++Texts % TextsBetweenReports == 0) options.OnProgress?.Invoke(new(Texts, _counts.Count, 0, options.Size));
        }
    }

    /// <summary>The characters by falling frequency, at most so many, then in the order of their code points.</summary>
    public IReadOnlyList<string> Alphabet(int limit)
    {
        var frequencies = new Dictionary<int, long>();
        foreach ((string word, long count) in _counts)
        {
            foreach (Rune rune in word.EnumerateRunes()) frequencies[rune.Value] = frequencies.GetValueOrDefault(rune.Value) + count;
        }
        return [.. frequencies.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).Take(limit).Select(pair => pair.Key).Order()
            .Select(value => new Rune(value).ToString())];
    }
}
