namespace FineTuning.Generation;

/// <summary>The beams of one prompt: the texts that run, and the best of those that ended.</summary>
internal sealed class BeamItem
{
    private readonly SearchPrompt _prompt;
    private readonly SearchRequest _request;
    private readonly ProcessorChain _chain;
    private readonly BestCandidates _candidates;
    private readonly int _size;
    private readonly int _beams;
    private readonly List<Generated> _hypotheses = [];
    private readonly List<Candidate> _unfinished = [];
    private readonly int[][] _buffers;
    private readonly double[] _sums;
    private readonly int[] _parents;
    private TextRow[] _rows;
    private TextRow[] _next;

    public BeamItem(SearchPrompt prompt, SearchRequest request, ProcessorChain chain, BestCandidates candidates, int size)
    {
        (_prompt, _request, _chain, _candidates, _size, _beams) = (prompt, request, chain, candidates, size, request.Settings.Beams);
        _rows = [.. Enumerable.Range(0, _beams).Select(_ => new TextRow(prompt, request.Settings))];
        _next = [.. Enumerable.Range(0, _beams).Select(_ => new TextRow(prompt, request.Settings))];
        (_buffers, _parents, _sums) = (new int[_beams][], new int[_beams], new double[_beams]);
        // All beams begin with the same text: only the first counts.
        Array.Fill(_sums, double.NegativeInfinity, 1, _beams - 1);
    }

    public bool IsDone { get; private set; }

    private GenerationSettings Settings => _request.Settings;

    public int LastToken(int beam) => _rows[beam].Text[^1];

    /// <summary>Which row of the step before a row goes on from.</summary>
    public int Parent(int beam) => _parents[beam];

    /// <summary>The best texts that ended.</summary>
    public IEnumerable<Generated> Best(int count) => _hypotheses.OrderByDescending(text => text.Score).Take(count);

    /// <summary>Takes the scores of the next token.</summary>
    /// <param name="scores">[beams, vocabulary]; they are changed.</param>
    /// <param name="step">The number of the token, from 0.</param>
    public void Advance(Span<float> scores, int step)
    {
        int length = _rows[0].Length;
        for (int beam = 0; beam < _beams; beam++)
        {
            Span<float> row = scores.Slice(beam * _size, _size);
            if (Settings.Options.RemoveInvalidValues == true) InvalidValueProcessor.Apply(row);
            ScoreMath.LogSoftmax(row);
            _buffers[beam] = _rows[beam].Buffer;
        }
        _chain.Apply(new ItemScores(scores, _buffers, length, _prompt));
        Collect(scores, step);
        _unfinished.Clear();
        int rank = 0;
        foreach (Candidate candidate in _candidates.Sorted())
        {
            TextRow row = Extended(candidate);
            if (TokenSearch.Finish(_request, _prompt, row.Text) is not { } reason) _unfinished.Add(candidate);
            // A text that ends counts only where it would have gone on running, too.
            else if (rank < _beams) Keep(row, candidate, reason, step + 1);
            rank++;
        }
        Continue();
        IsDone = _unfinished.Count == 0 || IsSettled(step + 1);
    }

    private void Collect(ReadOnlySpan<float> scores, int step)
    {
        _candidates.Clear();
        var draws = new DrawStream(Settings.Seed, _prompt.Index, step);
        for (int beam = 0; beam < _beams; beam++)
        {
            if (double.IsNegativeInfinity(_sums[beam])) continue;
            ReadOnlySpan<float> row = scores.Slice(beam * _size, _size);
            for (int token = 0; token < row.Length; token++)
            {
                if (float.IsNegativeInfinity(row[token])) continue;
                double sum = _sums[beam] + row[token];
                int index = (beam * _size) + token;
                double key = Settings.Samples ? sum + draws.Gumbel(index) : sum;
                if (key > _candidates.Limit) _candidates.Add(new(index, sum, key, row[token]));
            }
        }
    }

    // The last of the spare rows is the scratch for candidates: it is written anew by each of them.
    private TextRow Extended(Candidate candidate)
    {
        TextRow row = _next[^1];
        int beam = candidate.Index / _size;
        row.CopyFrom(_rows[beam]);
        row.Append(candidate.Index % _size, candidate.Score, (_prompt.Index * _beams) + beam);
        return row;
    }

    private void Keep(TextRow row, Candidate candidate, FinishReason reason, int length)
    {
        double score = candidate.Sum / Math.Pow(length, Settings.LengthPenalty);
        if (_hypotheses.Count == _beams)
        {
            Generated worst = Worst();
            if (score <= worst.Score) return;
            _hypotheses.Remove(worst);
        }
        _hypotheses.Add(row.Finished(reason) with { Score = score, LogProbabilities = row.Scores(), Parents = row.Parents() });
    }

    private Generated Worst()
    {
        Generated worst = _hypotheses[0];
        foreach (Generated text in _hypotheses)
        {
            if (text.Score < worst.Score) worst = text;
        }
        return worst;
    }

    private void Continue()
    {
        // Drawn candidates come in the order of the draw.
        if (Settings.Samples) _unfinished.Sort((one, other) => other.Sum.CompareTo(one.Sum));
        for (int beam = 0; beam < _beams; beam++)
        {
            // Where the rules leave fewer ways on than beams, the other beams run idle behind the first.
            Candidate candidate = _unfinished.Count == 0 ? default : _unfinished[Math.Min(beam, _unfinished.Count - 1)];
            int parent = candidate.Index / _size;
            _next[beam].CopyFrom(_rows[parent]);
            _next[beam].Append(candidate.Index % _size, candidate.Score, (_prompt.Index * _beams) + parent);
            _parents[beam] = parent;
            _sums[beam] = beam < _unfinished.Count ? candidate.Sum : double.NegativeInfinity;
        }
        (_rows, _next) = (_next, _rows);
    }

    private bool IsSettled(int length)
    {
        if (_hypotheses.Count < _beams) return false;
        if (Settings.EarlyStopping == EarlyStopping.AtOnce) return true;
        bool mayGrow = Settings.EarlyStopping == EarlyStopping.Never && Settings.LengthPenalty > 0;
        int longest = mayGrow ? Settings.MaximumLength - _prompt.Tokens.Length : length;
        return _sums[0] / Math.Pow(longest, Settings.LengthPenalty) <= Worst().Score;
    }
}
