namespace FineTuning.Text;

/// <summary>
/// Ids alone through BERT's pipeline, in one walk over the text: each character is cleaned, lowered and classified by one look into a table,
/// and a word is looked up where it ends. No text is rewritten and no offset is kept. What depends on neighbours is left to the whole pipeline. Thread-safe.
/// </summary>
internal sealed class BertIdEncoder
{
    /// <summary>The whole pipeline is needed for this text.</summary>
    public const int NeedsPipeline = -1;

    /// <summary>The ids do not fit.</summary>
    public const int DoesNotFit = -2;

    private const int LongestWord = 100;

    private const uint Letter = 1 << 16, Space = 2 << 16, Alone = 3 << 16, Skipped = 4 << 16, Complex = 5 << 16, KindMask = 7 << 16, CharacterMask = 0xFFFF;

    private readonly BertNormalizer _normalizer;
    private readonly WordPieceModel _model;
    private readonly PackedWords _words;

    // What becomes of each character: its kind and the character that it becomes; 0: not known yet. Two threads that find out at once write the same.
    private readonly uint[] _characters = new uint[char.MaxValue + 1];

    // The ids of words of one character, plus one; 0: the vocabulary has none.
    private readonly int[] _single = new int[char.MaxValue + 1];

    private BertIdEncoder(BertNormalizer normalizer, WordPieceModel model)
    {
        (_normalizer, _model, _words) = (normalizer, model, new PackedWords(model.Vocabulary));
        foreach ((string word, int id) in model.Vocabulary) if (word.Length == 1) _single[word[0]] = id + 1;
    }

    /// <summary>The encoder of a pipeline. Null: it is another pipeline.</summary>
    public static BertIdEncoder? Of(TokenizerParts parts) =>
        parts is { Normalizer: BertNormalizer normalizer, PreTokenizer: BertPreTokenizer, Model: WordPieceModel { LongestWord: >= LongestWord } model }
            ? new(normalizer, model) : null;

    /// <summary>Writes the ids of a text that no added token may stand in.</summary>
    /// <param name="text">The text.</param>
    /// <param name="ids">Where they go.</param>
    /// <param name="tokens">An empty list for the tokens of words that are looked up piece by piece.</param>
    /// <returns>How many there are; or <see cref="NeedsPipeline"/>, <see cref="DoesNotFit"/>.</returns>
    /// <exception cref="Errors.TokenizationException">A word is not in the vocabulary, and neither is the unknown token.</exception>
    public int Encode(ReadOnlySpan<char> text, Span<int> ids, TokenList tokens)
    {
        Span<char> word = stackalloc char[LongestWord];
        uint[] characters = _characters;
        int count = 0, length = 0;
        ulong key = 0;
        uint all = 0;
        foreach (char original in text)
        {
            uint entry = characters[original];
            if (entry == 0) entry = Learn(original);
            uint character = entry & CharacterMask, kind = entry & KindMask;
            if (kind == Letter)
            {
                if (length == word.Length) return NeedsPipeline;
                word[length++] = (char)character;
                key = PackedWords.Append(key, character);
                all |= character;
                continue;
            }
            if (kind == Skipped) continue;
            if (kind == Complex) return NeedsPipeline;
            if (length > 0)
            {
                if (!Add(word[..length], key, all, ids, tokens, ref count)) return DoesNotFit;
                (length, key, all) = (0, 0, 0);
            }
            if (kind == Alone && !AddSingle((char)character, ids, tokens, ref count)) return DoesNotFit;
        }
        return length == 0 || Add(word[..length], key, all, ids, tokens, ref count) ? count : DoesNotFit;
    }

    private bool Add(ReadOnlySpan<char> word, ulong key, uint all, Span<int> ids, TokenList tokens, ref int count)
    {
        if (word.Length <= PackedWords.Longest && all < 0x80 && _words.Find(key) is >= 0 and int id)
        {
            if (count >= ids.Length) return false;
            ids[count++] = id;
            return true;
        }
        return AddPieces(word, ids, tokens, ref count);
    }

    private bool AddSingle(char character, Span<int> ids, TokenList tokens, ref int count)
    {
        if (_single[character] is not (> 0 and int known)) return AddPieces([character], ids, tokens, ref count);
        if (count >= ids.Length) return false;
        ids[count++] = known - 1;
        return true;
    }

    private bool AddPieces(ReadOnlySpan<char> word, Span<int> ids, TokenList tokens, ref int count)
    {
        tokens.Clear();
        _model.Tokenize(word, tokens, 0);
        if (tokens.Count > ids.Length - count) return false;
        foreach (WordToken token in tokens.Items) ids[count++] = token.Id;
        return true;
    }

    private uint Learn(char character)
    {
        uint entry = Complex;
        if (character != 0 && !char.IsSurrogate(character) && _normalizer.StandsAlone(character))
        {
            string text = _normalizer.Of(character);
            // A character that is set apart from its neighbours comes between spaces.
            bool apart = text is [' ', _, ' '];
            entry = text.Length == 0 ? Skipped : apart ? Alone | text[1] : text.Length > 1 || text[0] == 0 ? Complex
                : text[0] | BertPreTokenizer.KindOf(text[0]) switch
            {
                BertCharacter.Space => Space,
                BertCharacter.Punctuation => Alone,
                _ => Letter,
            };
            if (apart && BertPreTokenizer.KindOf(text[1]) == BertCharacter.Space) entry = Complex;
        }
        return _characters[character] = entry;
    }
}
