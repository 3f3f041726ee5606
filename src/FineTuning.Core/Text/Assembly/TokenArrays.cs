namespace FineTuning.Text;

/// <summary>A stretch of tokens that have a sequence, a type and a mask in common.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Sequence">0 or 1 for a text's tokens, -1 for others.</param>
/// <param name="Type">Their type id.</param>
/// <param name="Padding">Whether they are padding.</param>
internal readonly record struct TokenStretch(int Count, int Sequence, int Type, bool Padding = false);

/// <summary>The tokens of a row as they are handed out, put into a template.</summary>
internal sealed class TokenArrays(int count, TokenStretch[] stretches)
{
    private int _count;

    public int[] Ids { get; } = new int[count];

    public int[] Starts { get; } = new int[count];

    public int[] Ends { get; } = new int[count];

    public int[] Words { get; } = new int[count];

    public TokenStretch[] Stretches => stretches;

    public Dictionary<int, string>? Surface { get; private set; }

    public void Add(ReadOnlySpan<int> special)
    {
        special.CopyTo(Ids.AsSpan(_count));
        Words.AsSpan(_count, special.Length).Fill(-1);
        _count += special.Length;
    }

    public void Add(TokenRun run, TextWindow window)
    {
        run.Ids.Slice(window.Start, window.Count).CopyTo(Ids.AsSpan(_count));
        run.Starts.Slice(window.Start, window.Count).CopyTo(Starts.AsSpan(_count));
        run.Ends.Slice(window.Start, window.Count).CopyTo(Ends.AsSpan(_count));
        run.Words.Slice(window.Start, window.Count).CopyTo(Words.AsSpan(_count));
        if (run.Surface is not null)
        {
            foreach ((int place, string text) in run.Surface)
            {
                if (place >= window.Start && place < window.Start + window.Count) (Surface ??= [])[_count + place - window.Start] = text;
            }
        }
        _count += window.Count;
    }
}
