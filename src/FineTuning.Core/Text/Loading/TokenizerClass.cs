namespace FineTuning.Text;

/// <summary>
/// Which of the reference's classes a folder is opened by. Classes with a constructor of their own rebuild normalizer, pre-tokenizer and decoder from
/// tokenizer_config.json, whatever tokenizer.json says; the others take the file as it stands.
/// </summary>
internal sealed record TokenizerClass(TokenizerKind Kind, IReadOnlyDictionary<string, string> Roles)
{
    private static readonly Dictionary<string, string> BertRoles = new()
    {
        ["unk_token"] = "[UNK]", ["sep_token"] = "[SEP]", ["pad_token"] = "[PAD]", ["cls_token"] = "[CLS]", ["mask_token"] = "[MASK]",
    };

    private static readonly Dictionary<string, string> RobertaRoles = new()
    {
        ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["unk_token"] = "<unk>", ["sep_token"] = "</s>", ["pad_token"] = "<pad>", ["cls_token"] = "<s>", ["mask_token"] = "<mask>",
    };

    private static readonly Dictionary<string, string> GptRoles = new() { ["bos_token"] = "<|endoftext|>", ["eos_token"] = "<|endoftext|>", ["unk_token"] = "<|endoftext|>" };

    private static readonly Dictionary<string, string> NoRoles = [];

    public static TokenizerClass Of(TokenizerFiles files)
    {
        string name = files.Config.Text("tokenizer_class") is { } named ? (named.EndsWith("Fast", StringComparison.Ordinal) ? named[..^4] : named) : OfModelType(files.ModelConfig.Text("model_type"));
        return name switch
        {
            "BertTokenizer" or "DistilBertTokenizer" or "ElectraTokenizer" => new(TokenizerKind.Bert, BertRoles),
            "RobertaTokenizer" or "BartTokenizer" => new(TokenizerKind.Roberta, RobertaRoles),
            "GPT2Tokenizer" => new(TokenizerKind.AsStored, GptRoles),
            _ => new(TokenizerKind.AsStored, NoRoles),
        };
    }

    private static string OfModelType(string? type) => type switch
    {
        "bert" or "distilbert" or "electra" => "BertTokenizer",
        "roberta" or "bart" => "RobertaTokenizer",
        "gpt2" => "GPT2Tokenizer",
        _ => "",
    };
}

/// <summary>How a folder's pipeline is put together.</summary>
internal enum TokenizerKind
{
    /// <summary>As tokenizer.json says.</summary>
    AsStored,

    /// <summary>BERT's normalizer and words from the settings, WordPiece.</summary>
    Bert,

    /// <summary>Byte-level words from the settings, byte pairs.</summary>
    Roberta,
}
