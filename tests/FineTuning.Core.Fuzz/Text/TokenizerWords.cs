namespace FineTuning.Fuzz;

/// <summary>Words that mean something in tokenizer.json or in the texts of its tokens.</summary>
internal static class TokenizerWords
{
    public static readonly string[] Types =
    [
        "Sequence", "BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Nmt", "Replace", "Prepend", "ByteLevel", "Precompiled", "BertPreTokenizer", "Whitespace",
        "WhitespaceSplit", "Punctuation", "Digits", "Metaspace", "Split", "CharDelimiterSplit", "UnicodeScripts", "FixedLength", "WordPiece", "ByteFallback", "Fuse", "BPEDecoder", "CTC", "BPE", "Unigram",
        "WordLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing", "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous", "always", "first", "never",
        "BertTokenizer", "LlamaTokenizer", "T5Tokenizer", "GPT2Tokenizer", "RobertaTokenizer", "Qwen2Tokenizer", "AlbertTokenizer", "XLMRobertaTokenizer", "DebertaV2Tokenizer", "GPTNeoXTokenizer", "GemmaTokenizer",
    ];

    public static readonly string[] Keys =
    [
        "type", "version", "normalizer", "normalizers", "pre_tokenizer", "pretokenizers", "post_processor", "processors", "decoder", "decoders", "model", "vocab", "merges", "added_tokens", "pattern", "Regex", "String",
        "content", "behavior", "invert", "unk_token", "unk_id", "byte_fallback", "ignore_merges", "fuse_unk", "continuing_subword_prefix", "end_of_word_suffix", "max_input_chars_per_word", "prepend_scheme", "split",
        "replacement", "str_rep", "add_prefix_space", "trim_offsets", "use_regex", "cleanup", "single", "pair", "special_tokens", "ids", "id", "tokens", "single_word", "lstrip", "rstrip", "normalized", "special",
        "start", "stop", "prefix", "suffix", "pad_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token", "tokenizer_class", "added_tokens_decoder", "additional_special_tokens", "model_max_length",
        "truncation", "padding", "direction", "dropout", "length", "delimiter", "individual_digits", "strip_accents", "do_lower_case", "precompiled_charsmap", "prepend", "legacy", "add_bos_token", "extra_special_tokens",
    ];

    public static readonly string[] Fragments =
    [
        "\\p{L}", "\\p{N}+", "\\s+(?!\\S)", "(?i:'s|'t)", "[^\\r\\n]", "(?<=a)", "(a|b)*", "(a*)*", "(?>a+)", "a{2,3}", "a{0,1000}", "[a&&[^b]]", "[[:alpha:]]", "\\X", "\\h", "\\1", "^", "$", "\\b", ".*", "(?!", "|", "++", "*?", "\\x{1F600}",
        "\\p{Han}", "[", "]", "(", ")", "{", "}", "\\", "##", "</w>", "\u2581", "\u0120", "<0x0A>", "<0xF0>", "<unk>", "<s>", "</s>", "[CLS]", "[SEP]", "[MASK]", "<|endoftext|>", "<pad>", "$A", "$B:1", " ", "  ", "\n", "\0", "\uFFFD", "e\u0301", "\U0001F600", "''",
    ];

    public static readonly string[] All = [.. Types, .. Keys, .. Fragments];
}
