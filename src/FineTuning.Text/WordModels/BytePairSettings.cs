namespace FineTuning.Text;

/// <summary>What a byte-pair model is apart from vocabulary and merges.</summary>
internal sealed record BytePairSettings
{
    /// <summary>Whether words arrive as text and are spelled in <see cref="ByteAlphabet"/> first.</summary>
    public bool ByteLevel { get; init; }

    /// <summary>Whether a word that is in the vocabulary is taken whole, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Whether a character that is not in the vocabulary becomes its bytes' tokens &lt;0xNN&gt;.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether neighbouring unknown characters become one token.</summary>
    public bool FuseUnknown { get; init; }

    public string? Unknown { get; init; }

    /// <summary>What every character but a word's first is spelled with.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>What a word's last character is spelled with.</summary>
    public string Suffix { get; init; } = "";
}
