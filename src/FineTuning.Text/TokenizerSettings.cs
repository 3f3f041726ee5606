using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// Settings that override those of tokenizer_config.json. Null: as the files say.
/// Immutable. A setting that the tokenizer's class does not have changes nothing.
/// </summary>
public sealed record TokenizerSettings
{
    /// <summary>Whether text is made lower case (BERT, ALBERT, DeBERTa v3).</summary>
    public bool? LowerCase { get; init; }

    /// <summary>Whether BERT's accents are stripped; unless set, they are where text is made lower case.</summary>
    public bool? StripAccents { get; init; }

    /// <summary>Whether ALBERT keeps accents.</summary>
    public bool? KeepAccents { get; init; }

    /// <summary>Whether BERT sets Chinese characters apart.</summary>
    public bool? SpaceChineseCharacters { get; init; }

    /// <summary>Whether a text that begins with no space is given one, or SentencePiece's mark.</summary>
    public bool? AddPrefixSpace { get; init; }

    /// <summary>Whether spaces at the edges of tokens are left out of their offsets (RoBERTa).</summary>
    public bool? TrimOffsets { get; init; }

    /// <summary>Whether Llama marks every text it is given, also behind a special token.</summary>
    public bool? Legacy { get; init; }

    /// <summary>Whether DeBERTa v3 cuts around punctuation.</summary>
    public bool? SplitByPunctuation { get; init; }

    /// <summary>
    /// Whether the begin token stands before a text. Where this or <see cref="AddEndToken"/> is set, the template is made of these
    /// two, and the one that is not set counts as off.
    /// </summary>
    public bool? AddBeginToken { get; init; }

    /// <summary>Whether the end token stands behind a text. See <see cref="AddBeginToken"/>.</summary>
    public bool? AddEndToken { get; init; }

    /// <summary>Special tokens by role, for example <c>pad_token</c>, <c>eos_token</c>; they must be in the vocabulary.</summary>
    public IReadOnlyDictionary<string, string> SpecialTokens
    {
        get;
        init
        {
            NullMembers.RequireValues(value, nameof(SpecialTokens));
            field = value;
        }
    } = new Dictionary<string, string>();

    /// <summary>The settings in the names of tokenizer_config.json, put over it.</summary>
    internal JsonObject Over(JsonObject config)
    {
        var merged = (JsonObject)config.DeepClone();
        void Set(string key, bool? value)
        {
            if (value is { } set) merged[key] = set;
        }
        Set("do_lower_case", LowerCase);
        Set("strip_accents", StripAccents);
        Set("keep_accents", KeepAccents);
        Set("tokenize_chinese_chars", SpaceChineseCharacters);
        Set("add_prefix_space", AddPrefixSpace);
        Set("trim_offsets", TrimOffsets);
        Set("legacy", Legacy);
        Set("split_by_punct", SplitByPunctuation);
        Set("add_bos_token", AddBeginToken);
        Set("add_eos_token", AddEndToken);
        foreach ((string role, string token) in SpecialTokens) merged[role] = token;
        return merged;
    }
}
