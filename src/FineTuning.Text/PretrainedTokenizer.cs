using System.Collections.Frozen;
using System.Runtime.ExceptionServices;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>A tokenizer folder of Hugging Face's: the same ids, offsets, windows and decoded text.</summary>
/// <remarks>Immutable and thread-safe; owns nothing native.</remarks>
public sealed partial class PretrainedTokenizer
{
    private static readonly TokenizingOptions Whole = new();

    private readonly TokenizerParts _parts;
    private readonly AddedVocabulary _raw;
    private readonly AddedVocabulary _normalized;
    private readonly FrozenDictionary<string, int> _addedIds;
    private readonly FrozenDictionary<int, AddedToken> _added;
    private readonly string?[] _tokens;
    private readonly int[] _before;
    private readonly int[] _after;
    private readonly bool _repeatsText;
    private readonly FrozenSet<int> _special;
    private readonly Lazy<ChatTemplate> _chatTemplate;
    private readonly Lazy<BertIdEncoder?> _idEncoder;

    internal PretrainedTokenizer(TokenizerParts parts)
    {
        _parts = parts;
        _raw = new(parts.AddedTokens.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _normalized = new(parts.AddedTokens.Where(token => token.Normalized).Select(token => (Normalize(token.Content), token)));
        _added = parts.AddedTokens.GroupBy(token => token.Id).ToFrozenDictionary(group => group.Key, group => group.Last());
        _addedIds = parts.AddedTokens.GroupBy(token => token.Content).ToFrozenDictionary(group => group.Key, group => group.Last().Id, StringComparer.Ordinal);
        int highest = Math.Max(parts.Model.Vocabulary.Count == 0 ? -1 : parts.Model.Vocabulary.Values.Max(), _added.Count == 0 ? -1 : _added.Keys.Max());
        _tokens = new string?[highest + 1];
        foreach ((string token, int id) in parts.Model.Vocabulary) _tokens[id] = token;
        foreach (AddedToken token in parts.AddedTokens) _tokens[token.Id] = token.Content;
        _special = parts.AddedTokens.Where(token => token.Special).Select(token => token.Id)
            .Concat(parts.Roles.Values.Select(TokenId).OfType<int>()).ToFrozenSet();
        _chatTemplate = new(() => ChatTemplate.Of(parts.Files, parts.Folder, parts.ChatTokens.Count > 0 ? parts.ChatTokens : parts.Roles));
        _idEncoder = new(() => BertIdEncoder.Of(parts));
        IReadOnlyList<Decoder> decoders = parts.Decoder switch { null => [], SequenceDecoder sequence => sequence.Steps, { } single => [single] };
        FallsBackToBytes = decoders.Any(decoder => decoder is ByteFallbackDecoder);
        DecodesInParts = DecodedParts.Stay(decoders, _tokens);
        _before = [.. parts.Template.Single.TakeWhile(part => part.Sequence < 0).SelectMany(part => part.Ids)];
        _after = [.. parts.Template.Single.SkipWhile(part => part.Sequence < 0).SelectMany(part => part.Ids)];
        _repeatsText = parts.Template.Single.Count(part => part.Sequence >= 0) != 1;
        HighestId = parts.Template.Single.Concat(parts.Template.Pair).SelectMany(part => part.Ids).DefaultIfEmpty(-1).Append(highest).Max();
        VocabularySize = parts.Model.Vocabulary.Keys.Union(_addedIds.Keys, StringComparer.Ordinal).Count();
    }

    /// <summary>The padding token's id. Null: there is none.</summary>
    public int? PadId => RoleId("pad_token");

    /// <summary>The unknown token's id. Null: there is none.</summary>
    public int? UnknownId => RoleId("unk_token");

    /// <summary>The id of the token that begins a text. Null: there is none.</summary>
    public int? BeginId => RoleId("bos_token");

    /// <summary>The id of the token that ends a text. Null: there is none.</summary>
    public int? EndId => RoleId("eos_token");

    /// <summary>The classification token's id. Null: there is none.</summary>
    public int? ClassifierId => RoleId("cls_token");

    /// <summary>The separator's id. Null: there is none.</summary>
    public int? SeparatorId => RoleId("sep_token");

    /// <summary>The mask token's id. Null: there is none.</summary>
    public int? MaskId => RoleId("mask_token");

    /// <summary>Tokens in the vocabulary, added ones included.</summary>
    public int VocabularySize { get; }

    /// <summary>The highest id that it can give, of the vocabulary, an added token or its template; -1: none. A model's embeddings need one row more.</summary>
    public int HighestId { get; }

    /// <summary>The most tokens the files say a text may have. Null: they set no bound.</summary>
    public int? MaximumLength => _parts.MaximumLength;

    /// <summary>What the model's vocabulary puts before a token that continues a word, for example <c>##</c>. Empty: nothing.</summary>
    public string ContinuationPrefix => _parts.Model.ContinuationPrefix;

    /// <summary>The ids that the template puts before a single text.</summary>
    public IReadOnlyList<int> TokensBefore => _before;

    /// <summary>The ids that the template puts after a single text.</summary>
    public IReadOnlyList<int> TokensAfter => _after;

    /// <summary>
    /// The folder's chat template; where it has none, the library's own (<see cref="ChatTemplate.IsFallback"/>).
    /// Conversations are encoded by <see cref="ChatEncoding.EncodeChat"/>.
    /// </summary>
    /// <exception cref="CheckpointException">The folder's templates are no text.</exception>
    public ChatTemplate ChatTemplate => _chatTemplate.Value;

    /// <summary>Loads the tokenizer files of a checkpoint folder.</summary>
    /// <param name="folder">tokenizer.json, or the files of the older tokenizers.</param>
    /// <exception cref="CheckpointException">Files are missing, damaged, or of a kind that is not supported.</exception>
    public static PretrainedTokenizer Load(string folder) => Load(folder, null);

    /// <summary>Loads the tokenizer files of a checkpoint folder, with some settings changed.</summary>
    /// <param name="folder">tokenizer.json, or the files of the older tokenizers.</param>
    /// <param name="settings">What overrides the files' settings. Null: nothing.</param>
    /// <exception cref="CheckpointException">Files are missing, damaged, or of a kind that is not supported.</exception>
    public static PretrainedTokenizer Load(string folder, TokenizerSettings? settings)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return WholeFolder.Read(folder, () => new PretrainedTokenizer(TokenizerFolder.Read(folder, settings)));
    }

    /// <summary>This tokenizer with further tokens; the model's embeddings must be resized to match. It is saved with them, in both files.</summary>
    /// <param name="tokens">What to add; an empty text adds nothing, one that is in the vocabulary keeps its id.</param>
    public PretrainedTokenizer WithTokens(params IEnumerable<NewToken> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        NewToken[] added = [.. tokens];
        NullMembers.RequireEntries(added, nameof(tokens));
        var found = new NullMembers();
        for (int i = 0; i < added.Length; i++) found.Value(added[i].Content, $"{nameof(tokens)}[{i}].{nameof(NewToken.Content)}");
        found.Require(nameof(tokens));
        return new(TokenAdding.Apply(_parts, added));
    }

    /// <summary>This tokenizer with another chat template in place of the folder's, for example one with generation marks. It is saved with it.</summary>
    /// <param name="template">The template's text.</param>
    /// <exception cref="ChatTemplateException">It is not written as a template must be.</exception>
    public PretrainedTokenizer WithChatTemplate(string template)
    {
        ArgumentNullException.ThrowIfNull(template);
        _ = ChatTemplate.Parse(template);
        // No file of the folder holds this template: messages must not name one.
        return new(_parts with { Files = ChatTemplateFiles.Replaced(_parts.Files, _parts.Folder, template), Folder = "" });
    }

    /// <summary>This tokenizer where code expects one of Microsoft.ML.Tokenizers. It gives a text's own tokens: no special ones around them.</summary>
    /// <returns>Thread-safe; offsets are into the original text.</returns>
    public Microsoft.ML.Tokenizers.Tokenizer AsTokenizer() => new MicrosoftTokenizer(this);

    /// <summary>The id of a token. Null: it is not in the vocabulary.</summary>
    /// <param name="token">The entry, for example <c>[MASK]</c>.</param>
    public int? TokenId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _addedIds.TryGetValue(token, out int added) ? added : _parts.Model.Vocabulary.TryGetValue(token, out int id) ? id : null;
    }

    /// <summary>The token of an id. Null: there is none.</summary>
    /// <param name="id">Any number.</param>
    public string? Token(int id) => id >= 0 && id < _tokens.Length ? _tokens[id] : null;

    /// <summary>Whether an id is that of a special token.</summary>
    /// <param name="id">Any number.</param>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>Tokenizes a text or a pair.</summary>
    /// <param name="text">Any string; lone surrogates count as U+FFFD.</param>
    /// <param name="pair">The second text. Null: there is none.</param>
    /// <param name="options">Null: the template's tokens, nothing cut.</param>
    /// <exception cref="ArgumentException">What may be cut does not suffice.</exception>
    /// <exception cref="TokenizationException">The text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files
    /// takes more than linear time on it.</exception>
    public TokenizedText Encode(string text, string? pair = null, TokenizingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= Whole;
        Workspace workspace = Workspace.Rent();
        int word = 0;
        (workspace.First.Source, workspace.Second.Source) = (text, pair);
        AddText(workspace, workspace.First, text, options, byWord: false, ref word);
        word = 0;
        if (pair is not null) AddText(workspace, workspace.Second, pair, options, byWord: false, ref word);
        TokenizedText row = Assemble(workspace, pair is null ? null : workspace.Second, options);
        workspace.Return();
        return row;
    }

    /// <summary>Tokenizes texts that are cut into words already; offsets count within each word.</summary>
    /// <param name="words">The words.</param>
    /// <param name="pairWords">The second text's words. Null: there is none.</param>
    /// <param name="options">Null: the template's tokens, nothing cut.</param>
    /// <exception cref="ArgumentException">What may be cut does not suffice.</exception>
    /// <exception cref="TokenizationException">The text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files
    /// takes more than linear time on it.</exception>
    public TokenizedText EncodeWords(IReadOnlyList<string> words, IReadOnlyList<string>? pairWords = null, TokenizingOptions? options = null)
    {
        NullMembers.RequireEntries(words, nameof(words));
        if (pairWords is not null) NullMembers.RequireEntries(pairWords, nameof(pairWords));
        options ??= Whole;
        Workspace workspace = Workspace.Rent();
        AddWords(workspace, workspace.First, words, options);
        if (pairWords is not null) AddWords(workspace, workspace.Second, pairWords, options);
        TokenizedText row = Assemble(workspace, pairWords is null ? null : workspace.Second, options);
        workspace.Return();
        return row;
    }

    /// <summary>Tokenizes many texts on all processors; the results are in the texts' order.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="options">Null: the template's tokens, nothing cut.</param>
    /// <param name="padding">Null: rows keep their lengths.</param>
    /// <param name="cancellation">Ends the work early.</param>
    /// <exception cref="ArgumentException">What may be cut does not suffice, or rows are cut to a length that is no multiple of the padding's.</exception>
    /// <exception cref="TokenizationException">A text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files
    /// takes more than linear time on it.</exception>
    /// <exception cref="InvalidOperationException">Rows are to be padded, but there is no padding token.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<TokenizedText> EncodeAll(IReadOnlyList<string> texts, TokenizingOptions? options = null, PaddingOptions? padding = null,
        CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(texts, nameof(texts));
        if (padding is not null && options is { Truncation: not TruncationStrategy.None } && (options.MaximumLength ?? MaximumLength) is { } maximum
            && maximum % padding.MultipleOf != 0)
        {
            throw new ArgumentException($"texts are cut to {maximum} tokens, which is no multiple of the {padding.MultipleOf} that rows are padded to");
        }
        var rows = new TokenizedText[texts.Count];
        var failures = new ExceptionDispatchInfo?[rows.Length];
        Parallel.For(0, rows.Length, new ParallelOptions { CancellationToken = cancellation }, (i, loop) =>
        {
            try
            {
                rows[i] = Encode(texts[i], null, options);
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                // Kept, and texts behind it left: the first text's is thrown, whichever thread was faster.
                failures[i] = ExceptionDispatchInfo.Capture(failure);
                loop.Break();
            }
        });
        Array.Find(failures, failure => failure is not null)?.Throw();
        return padding is null ? rows : Pad(rows, padding);
    }

    /// <summary>Makes rows equally long.</summary>
    /// <param name="rows">What was tokenized; longer rows than asked for are left as they are.</param>
    /// <param name="options">Null: as long as the longest.</param>
    /// <exception cref="InvalidOperationException">There is no padding token.</exception>
    public IReadOnlyList<TokenizedText> Pad(IReadOnlyList<TokenizedText> rows, PaddingOptions? options = null)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        return TokenPadding.Apply(this, rows, options ?? new PaddingOptions());
    }

    /// <summary>The text of ids.</summary>
    /// <param name="ids">Any numbers; those without a token are left out.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <param name="cleanUp">Whether English spacing is put right. Null: as the files say.</param>
    /// <exception cref="TokenizationException">The files' steps make the text more than 64 times as long.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true, bool? cleanUp = null)
    {
        var tokens = new List<string>(ids.Length);
        foreach (int id in ids)
        {
            if (Token(id) is { } token && !(skipSpecialTokens && IsSpecial(id))) tokens.Add(token);
        }
        string text = Join(tokens);
        return (cleanUp ?? _parts.CleanUp) && _parts.Model is not BytePairModel ? TextCleanUp.Apply(text) : text;
    }

    /// <summary>The text of tokens, as the files' decoder joins them; English spacing is left as it is.</summary>
    /// <param name="tokens">Entries of the vocabulary, or any other texts.</param>
    /// <exception cref="TokenizationException">The files' steps make the text more than 64 times as long.</exception>
    public string Join(IReadOnlyList<string> tokens)
    {
        NullMembers.RequireEntries(tokens, nameof(tokens));
        return _parts.Decoder is null ? string.Join(' ', tokens) : string.Concat(_parts.Decoder.Apply([.. tokens]));
    }

    /// <summary>Writes the tokenizer files so that Hugging Face's libraries open them; chat templates into files of their own.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">A chat template's name is no file's name.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        foreach ((string name, byte[] contents) in ChatTemplateFiles.Saved(_parts.Files, _parts.Folder))
        {
            string path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, contents);
        }
    }

    internal TokenizerParts Parts => _parts;

    /// <summary>Whether an id is that of an added token, which stands for itself and not for text.</summary>
    internal bool IsAdded(int id) => _added.ContainsKey(id);

    internal bool CutsLeft => _parts.TruncateLeft;

    internal bool PadsLeft => _parts.PadLeft;

    /// <summary>Whether decoding puts English spacing right; byte pairs keep theirs.</summary>
    internal bool CleansUp => _parts.CleanUp && _parts.Model is not BytePairModel;

    internal bool FallsBackToBytes { get; }

    /// <summary>Whether what is decoded first stays when more is decoded.</summary>
    internal bool DecodesInParts { get; }

    private int? RoleId(string role) => _parts.Roles.TryGetValue(role, out string? token) ? TokenId(token) : null;

    private string Normalize(string text)
    {
        if (_parts.Normalizer is null) return text;
        var aligned = new AlignedText(text, 0);
        _parts.Normalizer.Apply(aligned);
        return aligned.Characters.ToString();
    }
}
