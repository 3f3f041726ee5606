namespace FineTuning.Text;

/// <summary>Everything a tokenizer is made of, as its files say. Immutable.</summary>
internal sealed record TokenizerParts
{
    public Normalizer? Normalizer { get; init; }

    public PreTokenizer? PreTokenizer { get; init; }

    public required WordModel Model { get; init; }

    public Template Template { get; init; } = Template.Bare;

    /// <summary>Whether spaces at the edges of tokens are left out of their offsets, and whether the first keeps an inserted one.</summary>
    public (bool Trim, bool AddPrefixSpace) TrimOffsets { get; init; }

    public Decoder? Decoder { get; init; }

    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Special tokens by their role, for example <c>cls_token</c>.</summary>
    public IReadOnlyDictionary<string, string> Roles { get; init; } = new Dictionary<string, string>();

    /// <summary>The id of a special token by its role.</summary>
    /// <exception cref="Errors.CheckpointException">There is no such token.</exception>
    public int RoleId(string role, string path)
    {
        string token = Roles.GetValueOrDefault(role) ?? "";
        return AddedTokens.FirstOrDefault(added => added.Content == token)?.Id ?? (Model.Vocabulary.TryGetValue(token, out int id) ? id
            : throw new Errors.CheckpointException(path, $"the {role} '{token}' is not in the vocabulary"));
    }

    public int? MaximumLength { get; init; }

    public bool TruncateLeft { get; init; }

    public bool PadLeft { get; init; }

    /// <summary>Whether the model spells the words of a byte-level pre-tokenizer.</summary>
    public bool ModelSpells { get; init; }

    public bool CleanUp { get; init; }

    public bool SplitSpecialTokens { get; init; }

    /// <summary>The folder it was read from, for messages. Empty: none.</summary>
    public string Folder { get; init; } = "";

    /// <summary>The special tokens that chat templates see.</summary>
    public IReadOnlyDictionary<string, string> ChatTokens { get; init; } = new Dictionary<string, string>();

    /// <summary>The files as they were, by name, for saving.</summary>
    public IReadOnlyDictionary<string, byte[]> Files { get; init; } = new Dictionary<string, byte[]>();
}
