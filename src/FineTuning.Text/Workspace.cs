namespace FineTuning.Text;

/// <summary>The buffers that tokenizing a text needs and keeps for the next one; each thread has its own.</summary>
internal sealed class Workspace
{
    private const int LargestKept = 1 << 12;

    [ThreadStatic]
    private static Workspace? t_free;

    public TokenRun First { get; } = new();

    public TokenRun Second { get; } = new();

    /// <summary>The row that is made of them.</summary>
    public TokenArrays Row { get; } = new();

    public AlignedText Text { get; } = new([], 0);

    /// <summary>A text between the added tokens that are found as they are written.</summary>
    public List<(int Start, int Length, AddedToken? Token)> RawParts { get; private set; } = [];

    /// <summary>One of those parts, rewritten, between the added tokens that are found in that form.</summary>
    public List<(int Start, int Length, AddedToken? Token)> NormalizedParts { get; private set; } = [];

    public PieceList Pieces { get; } = new();

    public TokenList Tokens { get; } = new();

    /// <summary>Takes the thread's workspace, or a new one where that is in use.</summary>
    public static Workspace Rent()
    {
        Workspace workspace = t_free ?? new Workspace();
        t_free = null;
        return workspace;
    }

    /// <summary>Lets go of what finding the tokens of a long text has left: what follows needs the tokens alone.</summary>
    public void EndTexts()
    {
        Text.Trim();
        if (RawParts.Capacity > LargestKept) RawParts = [];
        if (NormalizedParts.Capacity > LargestKept) NormalizedParts = [];
        Pieces.Reset(0);
        Tokens.Clear();
    }

    /// <summary>Gives it back. One that an exception left as it was is not given back.</summary>
    public void Return()
    {
        First.Clear();
        Second.Clear();
        Row.Trim();
        t_free = this;
    }
}
