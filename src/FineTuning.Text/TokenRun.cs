namespace FineTuning.Text;

/// <summary>Tokens of a text while they are being found.</summary>
internal sealed class TokenRun : TokenColumns
{
    /// <summary>The text that tokens are found in; null: <see cref="SourceWords"/>.</summary>
    public string? Source { get; set; }

    /// <summary>The words that tokens are found in.</summary>
    public IReadOnlyList<string>? SourceWords { get; set; }

    /// <summary>What the offsets of a word's tokens count in.</summary>
    public string SourceOf(int word) => Source ?? SourceWords![word];

    /// <summary>Starts again; buffers that a long text left are released.</summary>
    public void Clear()
    {
        (Source, SourceWords) = (null, null);
        Release();
    }
}
