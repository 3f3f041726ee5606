namespace FineTuning.Text;

/// <summary>
/// Which of the reference's classes a folder is opened by. Classes with a constructor of their own rebuild normalizer, pre-tokenizer and decoder from
/// tokenizer_config.json, whatever tokenizer.json says; the others take the file as it stands.
/// </summary>
/// <param name="Name">The class without "Tokenizer". Empty: the one that takes a file as it stands.</param>
/// <param name="Roles">Special tokens that it has unless a file names others.</param>
internal sealed record TokenizerClass(string Name, IReadOnlyDictionary<string, string> Roles)
{
    // Model types whose folders often name a class that does not fit them.
    private static readonly HashSet<string> Mistaken =
    [
        "arctic", "chameleon", "chatlm", "deepseek_v2", "deepseek_v3", "deepseek_vl", "deepseek_vl_v2", "fuyu", "h2ovl_chat", "hyperclovax_vlm",
        "internlm2", "internvl_chat", "jamba", "janus", "llava", "llava_next", "minicpmv", "modernbert", "molmo", "nemotron", "nvfp4", "opencua",
        "openvla", "phi3", "phi3_v", "phimoe", "qwen2", "qwen3", "step3p5", "vipllava",
    ];

    private static readonly HashSet<string> AsStored =
    [
        "mistral", "mistral3", "ministral", "ministral3", "mixtral", "pixtral", "voxtral", "olmo2", "olmo3", "granite", "granitemoe", "phi3",
        "modernbert", "internlm2", "nemotron", "glm", "glm4", "deepseek_v2", "deepseek_v3",
    ];

    public static TokenizerClass Of(TokenizerFiles files)
    {
        string type = files.ModelConfig.Text("model_type") ?? "";
        string? registered = AsStored.Contains(type) ? "" : OfModelType(type);
        string? named = files.Config.Text("tokenizer_class") is { } text ? Plain(text) : null;
        string name = named is null ? registered ?? "" : registered is null || registered == named
            || !(registered.Length == 0 || Mistaken.Contains(type)) ? named : registered;
        if (name == "Llama" && files.Fast is { } fast && fast.ToJsonString().Contains("\"ByteLevel\"", StringComparison.Ordinal)) name = "";
        return new(name, DefaultRoles(name));
    }

    private static string Plain(string name)
    {
        if (name.EndsWith("Fast", StringComparison.Ordinal)) name = name[..^4];
        if (name.EndsWith("Tokenizer", StringComparison.Ordinal)) name = name[..^9];
        return name switch
        {
            "DistilBert" or "Electra" or "RetriBert" or "ConvBert" or "MobileBert" or "LayoutLM" => "Bert",
            "Bart" or "Longformer" or "LED" or "Blenderbot" => "Roberta",
            "MT5" => "T5",
            "PreTrained" or "TokenizersBackend" => "",
            _ => name,
        };
    }

    private static string? OfModelType(string type) => type switch
    {
        "bert" or "distilbert" or "electra" or "convbert" or "mobilebert" or "layoutlm" or "ernie" or "nezha" or "megatron-bert" => "Bert",
        "roberta" or "bart" or "longformer" or "led" or "ibert" or "data2vec-text" => "Roberta",
        "gpt2" or "gpt_neo" or "gptj" or "opt" or "phi" or "gpt_bigcode" or "codegen" => "GPT2",
        "gpt_neox" or "mpt" or "olmo" or "olmoe" or "mamba" or "mamba2" or "falcon_mamba" => "GPTNeoX",
        "qwen2" or "qwen2_moe" or "qwen3" or "qwen3_moe" or "qwen3_next" => "Qwen2",
        "llama" => "Llama",
        "gemma" or "gemma2" or "gemma3" or "gemma3_text" or "gemma3n" or "gemma3n_text" => "Gemma",
        "t5" or "mt5" or "longt5" or "umt5" => "T5",
        "xlm-roberta" or "xlm-roberta-xl" => "XLMRoberta",
        "camembert" => "Camembert",
        "albert" => "Albert",
        "deberta-v2" => "DebertaV2",
        "mpnet" => "MPNet",
        _ => null,
    };

    private static Dictionary<string, string> DefaultRoles(string name) => name switch
    {
        "Bert" => Named(unknown: "[UNK]", separator: "[SEP]", padding: "[PAD]", classifier: "[CLS]", mask: "[MASK]"),
        "MPNet" => Named("<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"),
        "Roberta" or "XLMRoberta" or "Camembert" => Named("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"),
        "GPT2" => Named("<|endoftext|>", "<|endoftext|>", "<|endoftext|>"),
        "GPTNeoX" => Named("<|endoftext|>", "<|endoftext|>", "<|endoftext|>", padding: "<|padding|>"),
        "Qwen2" => Named(end: "<|endoftext|>", unknown: "<|endoftext|>", padding: "<|endoftext|>"),
        "Llama" => Named("<s>", "</s>", "<unk>"),
        "Gemma" => Named("<bos>", "<eos>", "<unk>", padding: "<pad>", mask: "<mask>"),
        "T5" => Named(end: "</s>", unknown: "<unk>", padding: "<pad>"),
        "Albert" => Named("[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"),
        "DebertaV2" => Named("[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"),
        _ => [],
    };

    private static Dictionary<string, string> Named(
        string? begin = null, string? end = null, string? unknown = null, string? separator = null, string? padding = null,
        string? classifier = null, string? mask = null)
    {
        var roles = new Dictionary<string, string>();
        void Add(string role, string? token)
        {
            if (token is not null) roles[role] = token;
        }
        Add("bos_token", begin);
        Add("eos_token", end);
        Add("unk_token", unknown);
        Add("sep_token", separator);
        Add("pad_token", padding);
        Add("cls_token", classifier);
        Add("mask_token", mask);
        return roles;
    }
}
