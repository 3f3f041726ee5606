namespace FineTuning.Text;

/// <summary>The tokens of a row while they are put into a template.</summary>
internal sealed class TokenArrays : TokenColumns
{
    public TokenLayout Layout { get; private set; }

    /// <summary>Begins another row.</summary>
    /// <param name="layout">What it is made up of.</param>
    public void Begin(TokenLayout layout)
    {
        Empty();
        Layout = layout;
        Reserve(layout.Count);
    }

    public void Add(ReadOnlySpan<int> special)
    {
        int first = Append(special.Length);
        special.CopyTo(Ids[first..]);
        Starts[first..].Clear();
        Ends[first..].Clear();
        Words[first..].Fill(-1);
    }

    public void Add(TokenRun run, TextWindow window)
    {
        int first = Append(window.Count);
        run.Ids.Slice(window.Start, window.Count).CopyTo(Ids[first..]);
        run.Starts.Slice(window.Start, window.Count).CopyTo(Starts[first..]);
        run.Ends.Slice(window.Start, window.Count).CopyTo(Ends[first..]);
        run.Words.Slice(window.Start, window.Count).CopyTo(Words[first..]);
        if (run.Surface is null) return;
        foreach ((int position, string text) in run.Surface)
        {
            if (position >= window.Start && position < window.Start + window.Count) SetSurface(first + position - window.Start, text);
        }
    }

    /// <summary>Lets go of buffers that a long text has left.</summary>
    public void Trim()
    {
        Layout = default;
        Release();
    }
}
