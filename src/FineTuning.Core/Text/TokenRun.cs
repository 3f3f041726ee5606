namespace FineTuning.Text;

/// <summary>Tokens while they are being put together.</summary>
internal sealed class TokenRun
{
    public List<int> Ids { get; } = [];

    public List<int> Types { get; } = [];

    public List<int> Starts { get; } = [];

    public List<int> Ends { get; } = [];

    public List<int> Words { get; } = [];

    public List<int> Sequences { get; } = [];

    public List<bool> Special { get; } = [];

    /// <summary>Texts of tokens that differ from the vocabulary's, by place.</summary>
    public Dictionary<int, string>? Surface { get; private set; }

    public int Count => Ids.Count;

    public void Add(int id, int start, int end, int word, int sequence, int type = 0, bool special = false)
    {
        Ids.Add(id);
        Types.Add(type);
        Starts.Add(start);
        Ends.Add(end);
        Words.Add(word);
        Sequences.Add(sequence);
        Special.Add(special);
    }

    public void SetSurface(int place, string text) => (Surface ??= [])[place] = text;

    /// <summary>Adds tokens of another run, as those of a text.</summary>
    public void AddRange(TokenRun run, int start, int count, int sequence, int type)
    {
        for (int i = start; i < start + count; i++)
        {
            if (run.Surface is not null && run.Surface.TryGetValue(i, out string? text)) SetSurface(Count, text);
            Add(run.Ids[i], run.Starts[i], run.Ends[i], run.Words[i], sequence, type);
        }
    }
}
