namespace FineTuning.Text;

/// <summary>The buffers that tokenizing a text needs and keeps for the next one; each thread has its own.</summary>
internal sealed class Workspace
{
    [ThreadStatic]
    private static Workspace? t_free;

    public TokenRun First { get; } = new();

    public TokenRun Second { get; } = new();

    public AlignedText Text { get; } = new([], 0);

    public PieceList Pieces { get; } = new();

    public TokenList Tokens { get; } = new();

    /// <summary>Takes the thread's workspace, or a new one where that is in use.</summary>
    public static Workspace Rent()
    {
        Workspace workspace = t_free ?? new Workspace();
        t_free = null;
        return workspace;
    }

    /// <summary>Gives it back. One that an exception left as it was is not given back.</summary>
    public void Return()
    {
        First.Clear();
        Second.Clear();
        Text.Trim();
        Pieces.Reset();
        Tokens.Clear();
        t_free = this;
    }
}
