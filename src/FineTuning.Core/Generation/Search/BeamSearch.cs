namespace FineTuning.Generation;

/// <summary>Beam search, and drawing of beams, over all prompts at once. A prompt that is done leaves the batch.</summary>
internal sealed class BeamSearch
{
    private readonly IScoreSource _source;
    private readonly SearchRequest _request;
    private readonly int _size;
    private readonly int _beams;
    private readonly float[] _scores;
    private readonly BeamItem[] _items;

    public BeamSearch(IScoreSource source, SearchRequest request, ProcessorChain chain)
    {
        (_source, _request, _size, _beams) = (source, request, source.VocabularySize, request.Settings.Beams);
        var candidates = new BestCandidates(Math.Max(2, 1 + request.Settings.EndTokens.Length) * _beams);
        _items = [.. request.Prompts.Select(prompt => new BeamItem(prompt, request, chain, candidates, _size))];
        _scores = new float[_items.Length * _beams * _size];
    }

    public IReadOnlyList<Generated> Run(CancellationToken cancellation)
    {
        IReadOnlyList<SearchPrompt> prompts = _request.Prompts;
        cancellation.ThrowIfCancellationRequested();
        _source.Start([.. prompts.Select(prompt => prompt.Tokens)], [.. prompts.Select(prompt => prompt.Padding)], _scores.AsSpan(0, prompts.Count * _size));
        ScoreMath.Repeat(_scores, prompts.Count, _beams, _size);
        int[] running = [.. Enumerable.Range(0, _items.Length)], tokens = new int[_items.Length * _beams], parents = new int[tokens.Length];
        int count = running.Length;
        for (int step = 0; ; step++)
        {
            int left = 0;
            for (int i = 0; i < count; i++)
            {
                BeamItem item = _items[running[i]];
                item.Advance(_scores.AsSpan(i * _beams * _size, _beams * _size), step);
                if (item.IsDone) continue;
                for (int beam = 0; beam < _beams; beam++)
                {
                    int next = (left * _beams) + beam;
                    (tokens[next], parents[next]) = (item.LastToken(beam), step == 0 ? running[i] : (i * _beams) + item.Parent(beam));
                }
                running[left++] = running[i];
            }
            count = left;
            if (count == 0) return [.. _items.SelectMany(item => item.Best(_request.Settings.Returned))];
            cancellation.ThrowIfCancellationRequested();
            int rows = count * _beams;
            _source.Next(tokens.AsSpan(0, rows), parents.AsSpan(0, rows), _scores.AsSpan(0, rows * _size));
        }
    }
}
