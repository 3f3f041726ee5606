using FineTuning.Generation;

namespace FineTuning.Tests.Generation;

/// <summary>Scores that are a function of the text: a model that can be searched through by brute force.</summary>
internal sealed class TableSource(int vocabularySize, Func<IReadOnlyList<int>, int, float> score) : IScoreSource
{
    private List<List<int>> _rows = [];

    public int VocabularySize => vocabularySize;

    /// <summary>How many rows were scored in each call.</summary>
    public List<int> Calls { get; } = [];

    /// <summary>Scores that look random: the same text has the same.</summary>
    public static TableSource Random(int vocabularySize, int seed) => new(vocabularySize, (text, token) =>
    {
        ulong hash = (ulong)seed;
        foreach (int id in text) hash = (hash ^ (ulong)id) * 0x9E3779B97F4A7C15ul;
        return (float)(3 * new DrawStream((long)hash, token, 0).Gumbel(0));
    });

    public float[] Scores(IReadOnlyList<int> text) => [.. Enumerable.Range(0, vocabularySize).Select(token => score(text, token))];

    public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores)
    {
        _rows = [.. rows.Select((row, i) => row.Skip(padding[i]).ToList())];
        Fill(scores);
    }

    public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores)
    {
        var next = new List<List<int>>();
        for (int row = 0; row < tokens.Length; row++) next.Add([.. _rows[parents[row]], tokens[row]]);
        _rows = next;
        Fill(scores);
    }

    public void Dispose()
    {
    }

    private void Fill(Span<float> scores)
    {
        Calls.Add(_rows.Count);
        for (int row = 0; row < _rows.Count; row++) Scores(_rows[row]).CopyTo(scores.Slice(row * vocabularySize, vocabularySize));
    }
}
