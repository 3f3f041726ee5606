using System.Collections.Frozen;
using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>A tokenizer folder of Hugging Face's: the same ids, offsets, windows and decoded text.</summary>
/// <remarks>Immutable and thread-safe; owns nothing native.</remarks>
public sealed class PretrainedTokenizer
{
    private static readonly TokenizingOptions Whole = new();

    private readonly TokenizerParts _parts;
    private readonly AddedVocabulary _raw;
    private readonly AddedVocabulary _normalized;
    private readonly FrozenDictionary<string, int> _addedIds;
    private readonly FrozenDictionary<int, AddedToken> _added;
    private readonly string?[] _tokens;
    private readonly FrozenSet<int> _special;
    private readonly Lazy<ChatTemplate> _chatTemplate;

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
        _special = parts.AddedTokens.Where(token => token.Special).Select(token => token.Id).Concat(parts.Roles.Values.Select(TokenId).OfType<int>()).ToFrozenSet();
        _chatTemplate = new(() => ChatTemplate.Of(parts.Files, parts.Folder, parts.ChatTokens.Count > 0 ? parts.ChatTokens : parts.Roles));
        IReadOnlyList<Decoder> decoders = parts.Decoder switch { null => [], SequenceDecoder sequence => sequence.Steps, { } single => [single] };
        FallsBackToBytes = decoders.Any(decoder => decoder is ByteFallbackDecoder);
        DecodesInParts = DecodedParts.Stay(decoders, _tokens);
        TokensBefore = [.. parts.Template.Single.TakeWhile(part => part.Sequence < 0).SelectMany(part => part.Ids)];
        TokensAfter = [.. parts.Template.Single.SkipWhile(part => part.Sequence < 0).SelectMany(part => part.Ids)];
        VocabularySize = parts.Model.Vocabulary.Keys.Union(_addedIds.Keys, StringComparer.Ordinal).Count();
    }

    /// <summary>The padding token's id; null: there is none.</summary>
    public int? PadId => RoleId("pad_token");

    /// <summary>The unknown token's id; null: there is none.</summary>
    public int? UnknownId => RoleId("unk_token");

    /// <summary>The id of the token that begins a text; null: there is none.</summary>
    public int? BeginId => RoleId("bos_token");

    /// <summary>The id of the token that ends a text; null: there is none.</summary>
    public int? EndId => RoleId("eos_token");

    /// <summary>The classification token's id; null: there is none.</summary>
    public int? ClassifierId => RoleId("cls_token");

    /// <summary>The separator's id; null: there is none.</summary>
    public int? SeparatorId => RoleId("sep_token");

    /// <summary>The mask token's id; null: there is none.</summary>
    public int? MaskId => RoleId("mask_token");

    /// <summary>Tokens in the vocabulary, added ones included.</summary>
    public int VocabularySize { get; }

    /// <summary>The most tokens the files say a text may have; null: they set no bound.</summary>
    public int? MaximumLength => _parts.MaximumLength;

    /// <summary>What the model's vocabulary puts before a token that continues a word, for example <c>##</c>; empty: nothing.</summary>
    public string ContinuationPrefix => _parts.Model.ContinuationPrefix;

    /// <summary>The ids that the template puts before a single text.</summary>
    public IReadOnlyList<int> TokensBefore { get; }

    /// <summary>The ids that the template puts after a single text.</summary>
    public IReadOnlyList<int> TokensAfter { get; }

    /// <summary>The folder's chat template; where it has none, the library's own (<see cref="ChatTemplate.IsFallback"/>). Conversations are encoded by <see cref="ChatEncoding.EncodeChat"/>.</summary>
    /// <exception cref="CheckpointException">The folder's templates are no text.</exception>
    public ChatTemplate ChatTemplate => _chatTemplate.Value;

    /// <summary>Loads the tokenizer files of a checkpoint folder.</summary>
    /// <param name="folder">tokenizer.json, or the files of the older tokenizers.</param>
    /// <exception cref="CheckpointException">Files are missing, damaged, or of a kind that is not supported.</exception>
    public static PretrainedTokenizer Load(string folder) => Load(folder, null);

    /// <summary>Loads the tokenizer files of a checkpoint folder, with some settings of one's own.</summary>
    /// <param name="folder">tokenizer.json, or the files of the older tokenizers.</param>
    /// <param name="settings">What overrides the files' settings; null: nothing.</param>
    /// <exception cref="CheckpointException">Files are missing, damaged, or of a kind that is not supported.</exception>
    public static PretrainedTokenizer Load(string folder, TokenizerSettings? settings)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return new(TokenizerFolder.Read(folder, settings));
    }

    /// <summary>This tokenizer with further tokens; the model's embeddings must be resized to match. It is saved with them, in both files.</summary>
    /// <param name="tokens">What to add; an empty text adds nothing, one that is in the vocabulary keeps its id.</param>
    public PretrainedTokenizer WithTokens(params IEnumerable<NewToken> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return new(TokenAdding.Apply(_parts, tokens));
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

    /// <summary>The id of a token; null: it is not in the vocabulary.</summary>
    /// <param name="token">The entry, for example <c>[MASK]</c>.</param>
    public int? TokenId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _addedIds.TryGetValue(token, out int added) ? added : _parts.Model.Vocabulary.TryGetValue(token, out int id) ? id : null;
    }

    /// <summary>The token of an id; null: there is none.</summary>
    /// <param name="id">Any number.</param>
    public string? Token(int id) => id >= 0 && id < _tokens.Length ? _tokens[id] : null;

    /// <summary>Whether an id is that of a special token.</summary>
    /// <param name="id">Any number.</param>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>Tokenizes a text or a pair.</summary>
    /// <param name="text">Any string; lone surrogates count as U+FFFD.</param>
    /// <param name="pair">The second text; null: there is none.</param>
    /// <param name="options">Null: the template's tokens, nothing cut.</param>
    /// <exception cref="ArgumentException">What may be cut does not suffice.</exception>
    /// <exception cref="TokenizationException">The text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files takes more than linear time on it.</exception>
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
    /// <param name="pairWords">The second text's words; null: there is none.</param>
    /// <param name="options">Null: the template's tokens, nothing cut.</param>
    /// <exception cref="ArgumentException">What may be cut does not suffice.</exception>
    /// <exception cref="TokenizationException">The text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files takes more than linear time on it.</exception>
    public TokenizedText EncodeWords(IReadOnlyList<string> words, IReadOnlyList<string>? pairWords = null, TokenizingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(words);
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
    /// <exception cref="TokenizationException">A text has what is not in the vocabulary and the files name no unknown token, or a pattern of the files takes more than linear time on it.</exception>
    /// <exception cref="InvalidOperationException">Rows are to be padded, but there is no padding token.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<TokenizedText> EncodeAll(IReadOnlyList<string> texts, TokenizingOptions? options = null, PaddingOptions? padding = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (padding is not null && options is { Truncation: not TruncationStrategy.None } && (options.MaximumLength ?? MaximumLength) is { } maximum && maximum % padding.MultipleOf != 0)
        {
            throw new ArgumentException($"texts are cut to {maximum} tokens, which is no multiple of the {padding.MultipleOf} that rows are padded to");
        }
        var rows = new TokenizedText[texts.Count];
        var parallel = new ParallelOptions { CancellationToken = cancellation };
        Parallel.For(0, rows.Length, parallel, i => rows[i] = Encode(texts[i], null, options));
        return padding is null ? rows : Pad(rows, padding);
    }

    /// <summary>Makes rows equally long.</summary>
    /// <param name="rows">What was tokenized; longer rows than asked for are left as they are.</param>
    /// <param name="options">Null: as long as the longest.</param>
    /// <exception cref="InvalidOperationException">There is no padding token.</exception>
    public IReadOnlyList<TokenizedText> Pad(IReadOnlyList<TokenizedText> rows, PaddingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return TokenPadding.Apply(this, rows, options ?? new PaddingOptions());
    }

    /// <summary>The text of ids.</summary>
    /// <param name="ids">Any numbers; those without a token are left out.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <param name="cleanUp">Whether English spacing is put right; null: as the files say.</param>
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
        ArgumentNullException.ThrowIfNull(tokens);
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

    private void AddWords(Workspace workspace, TokenRun run, IReadOnlyList<string> words, TokenizingOptions options)
    {
        run.SourceWords = words;
        for (int i = 0; i < words.Count; i++)
        {
            ArgumentNullException.ThrowIfNull(words[i], nameof(words));
            int word = i;
            AddText(workspace, run, words[i], options, byWord: true, ref word);
        }
    }

    private void AddText(Workspace workspace, TokenRun run, string original, TokenizingOptions options, bool byWord, ref int word)
    {
        string text = WellFormed(original);
        bool split = options.SplitSpecialTokens || _parts.SplitSpecialTokens;
        if (!_raw.MayOccur(text))
        {
            AddSegment(workspace, run, text, 0, split, byWord, ref word);
            return;
        }
        _raw.Split(text, split, workspace.RawParts);
        foreach ((int start, int length, AddedToken? token) in workspace.RawParts)
        {
            if (token is null) AddSegment(workspace, run, text.AsSpan(start, length), start, split, byWord, ref word);
            else AddFound(run, token, text.AsSpan(start, length), start, start + length, byWord, ref word);
        }
    }

    private void AddSegment(Workspace workspace, TokenRun run, ReadOnlySpan<char> segment, int offset, bool splitSpecial, bool byWord, ref int word)
    {
        if (segment.Length == 0) return;
        AlignedText text = workspace.Text;
        text.Reset(segment, offset);
        _parts.Normalizer?.Apply(text);
        List<(int Start, int Length, AddedToken? Token)> parts = workspace.NormalizedParts;
        parts.Clear();
        if (_normalized.MayOccur(text.Characters)) _normalized.Split(text.Characters, splitSpecial, parts);
        if (parts is [] or [(_, _, null)])
        {
            AddPieces(workspace, run, new(text, 0, text.Length), byWord, ref word);
            return;
        }
        foreach ((int start, int length, AddedToken? token) in parts)
        {
            if (length == 0) continue;
            if (token is null) AddPieces(workspace, run, new(text, start, length), byWord, ref word);
            else AddFound(run, token, text.Characters.Slice(start, length), text.StartOf(start), text.EndOf(start + length - 1), byWord, ref word);
        }
    }

    private static void AddFound(TokenRun run, AddedToken token, ReadOnlySpan<char> surface, int start, int end, bool byWord, ref int word)
    {
        if (!surface.SequenceEqual(token.Content)) run.SetSurface(run.Count, surface.ToString());
        run.Add(token.Id, start, end, word);
        if (!byWord) word++;
    }

    private void AddPieces(Workspace workspace, TokenRun run, Piece whole, bool byWord, ref int word)
    {
        if (whole.Length == 0) return;
        PieceList pieces = workspace.Pieces;
        pieces.Reset(whole.Text.Most);
        if (_parts.PreTokenizer is null) pieces.Add(whole);
        else _parts.PreTokenizer.Split(whole, pieces);
        TokenList tokens = workspace.Tokens;
        int unknown = _parts.Model.UnknownId;
        foreach (Piece piece in pieces.Items)
        {
            tokens.Clear();
            ReadOnlySpan<char> characters = piece.Characters;
            _parts.Model.Tokenize(characters, tokens, 0);
            foreach (WordToken token in tokens.Items)
            {
                if (token.Id == unknown) run.SetSurface(run.Count, characters[token.Start..token.End].ToString());
                run.Add(token.Id, piece.Text.StartOf(piece.Start + token.Start), piece.Text.EndOf(piece.Start + token.End - 1), word);
            }
            if (!byWord) word++;
        }
    }

    private TokenizedText Assemble(Workspace workspace, TokenRun? second, TokenizingOptions options)
    {
        workspace.EndTexts();
        TokenRun first = workspace.First;
        Template template = _parts.Template;
        int added = options.AddSpecialTokens ? template.AddedTokens(second is not null) : 0;
        int total = first.Count + (second?.Count ?? 0);
        int? limit = options.MaximumLength ?? (options.Truncation == TruncationStrategy.None ? null : MaximumLength);
        bool fits = limit is not { } maximum || options.Truncation == TruncationStrategy.None || total + added <= maximum || maximum < added;
        if (fits) return new(this, Assemble(workspace.Row, first, new(0, first.Count), second, new(0, second?.Count ?? 0), options), 0);

        (int keptFirst, int keptSecond) = Truncation.Kept(first.Count, second?.Count, limit!.Value - added, options.Truncation);
        bool left = options.TruncateLeft ?? _parts.TruncateLeft;
        List<TextWindow> firsts = Truncation.Windows(first.Count, keptFirst, options.Stride, left);
        List<TextWindow> seconds = second is null ? [new(0, 0)] : Truncation.Windows(second.Count, keptSecond, options.Stride, left);
        TokenizedText Window(TextWindow a, TextWindow b, IReadOnlyList<TokenizedText> overflow) =>
            new(this, Assemble(workspace.Row, first, a, second, b, options), total - a.Count - b.Count) { Overflow = overflow };
        var others = new List<TokenizedText>();
        if (options.KeepOverflow)
        {
            foreach (TextWindow a in firsts.Skip(1)) foreach (TextWindow b in seconds) others.Add(Window(a, b, []));
            foreach (TextWindow b in seconds.Skip(1)) others.Add(Window(firsts[0], b, []));
        }
        return Window(firsts[0], seconds[0], others);
    }

    private TokenArrays Assemble(TokenArrays row, TokenRun first, TextWindow window, TokenRun? second, TextWindow secondWindow, TokenizingOptions options)
    {
        _parts.Template.Assemble(row, first, window, second, secondWindow, options.AddSpecialTokens);
        if (_parts.TrimOffsets.Trim) OffsetTrimming.Apply(row, first, second, _parts.TrimOffsets.AddPrefixSpace, _tokens);
        return row;
    }

    private static string WellFormed(string text)
    {
        for (int i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])) i++;
            else return Replaced(text);
        }
        return text;
    }

    private static string Replaced(string text)
    {
        var fixedText = new StringBuilder(text);
        for (int i = 0; i < fixedText.Length; i++)
        {
            if (!char.IsSurrogate(fixedText[i])) continue;
            if (i + 1 < fixedText.Length && char.IsSurrogatePair(fixedText[i], fixedText[i + 1])) i++;
            else fixedText[i] = '\uFFFD';
        }
        return fixedText.ToString();
    }
}
