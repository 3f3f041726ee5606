namespace FineTuning.Generation;

/// <summary>Greedy search and drawing: each row goes its own way, and leaves the batch when it ends.</summary>
internal sealed class RowSearch
{
    private readonly IScoreSource _source;
    private readonly SearchRequest _request;
    private readonly ProcessorChain _chain;
    private readonly int _size;
    private readonly int _perPrompt;
    private readonly float[] _scores;
    private readonly TextRow[] _rows;
    private readonly Generated[] _done;

    public RowSearch(IScoreSource source, SearchRequest request, ProcessorChain chain)
    {
        (_source, _request, _chain, _size, _perPrompt) = (source, request, chain, source.VocabularySize, request.Settings.Returned);
        _rows = [.. request.Prompts.SelectMany(prompt => Enumerable.Range(0, _perPrompt).Select(_ => new TextRow(prompt, request.Settings)))];
        _done = new Generated[_rows.Length];
        _scores = new float[_rows.Length * _size];
    }

    public IReadOnlyList<Generated> Run(CancellationToken cancellation)
    {
        IReadOnlyList<SearchPrompt> prompts = _request.Prompts;
        cancellation.ThrowIfCancellationRequested();
        _source.Start([.. prompts.Select(prompt => prompt.Tokens)], [.. prompts.Select(prompt => prompt.Padding)], _scores.AsSpan(0, prompts.Count * _size));
        ScoreMath.Repeat(_scores, prompts.Count, _perPrompt, _size);
        // Entry i of these is the i-th row that still runs.
        int[] running = [.. Enumerable.Range(0, _rows.Length)], parents = [.. running.Select(row => row / _perPrompt)], tokens = new int[_rows.Length];
        int count = running.Length;
        for (int step = 0; ; step++)
        {
            int left = 0;
            for (int i = 0; i < count; i++)
            {
                int row = running[i];
                int token = Choose(row, step, _scores.AsSpan(i * _size, _size));
                _request.OnToken?.Invoke(row, token);
                if (TokenSearch.Finish(_request, _rows[row].Prompt, _rows[row].Text) is { } reason)
                {
                    _done[row] = _rows[row].Finished(reason) with { LogProbabilities = _request.WithLogProbabilities ? _rows[row].Scores() : null };
                    continue;
                }
                (running[left], tokens[left], parents[left]) = (row, token, step == 0 ? row / _perPrompt : i);
                left++;
            }
            count = left;
            if (count == 0) return _done;
            cancellation.ThrowIfCancellationRequested();
            _source.Next(tokens.AsSpan(0, count), parents.AsSpan(0, count), _scores.AsSpan(0, count * _size));
        }
    }

    private int Choose(int row, int step, Span<float> scores)
    {
        TextRow text = _rows[row];
        _chain.Apply(new ItemScores(scores, text.Alone, text.Length, text.Prompt));
        int token = _request.Settings.Samples ? new DrawStream(_request.Settings.Seed, row, step).Draw(scores) : ScoreMath.ArgMax(scores);
        float score = _request.WithLogProbabilities ? (float)(scores[token] - ScoreMath.LogSumExp(scores)) : 0;
        text.Append(token, score, row);
        return token;
    }
}
