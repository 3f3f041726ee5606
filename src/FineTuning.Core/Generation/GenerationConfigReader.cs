using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>
/// Reads the keys of generation_config.json as versions 4 and 5 of transformers write them. A value's kind is checked here, its range when text is generated.
/// </summary>
internal sealed class GenerationConfigReader(string path, JsonObject root)
{
    private const int LongestList = 1 << 20;

    // Keys that say how transformers runs, not what comes out, or that it writes for itself.
    private static readonly HashSet<string> WithoutMeaning = new(StringComparer.Ordinal)
    {
        "_from_model_config", "transformers_version", "output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate",
        "cache_implementation", "cache_config", "return_legacy_cache", "max_time", "compile_config", "disable_compile", "low_memory", "token_healing",
        "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold", "prompt_lookup_num_tokens", "max_matching_ngram_size",
        "assistant_early_exit", "assistant_lookbehind", "target_lookbehind", "is_assistant", "prefill_chunk_size", "trust_remote_code", "generation_kwargs",
    };

    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public GenerationOptions Options() => new()
    {
        MaxNewTokens = Whole("max_new_tokens"),
        MaxLength = Whole("max_length"),
        MinNewTokens = Whole("min_new_tokens"),
        MinLength = Whole("min_length"),
        DoSample = Flag("do_sample"),
        NumBeams = Whole("num_beams"),
        NumReturnSequences = Whole("num_return_sequences"),
        LengthPenalty = Number("length_penalty"),
        EarlyStopping = Stopping(),
        UseCache = Flag("use_cache"),
        Temperature = Number("temperature"),
        TopK = Whole("top_k"),
        TopP = Number("top_p"),
        MinP = Number("min_p"),
        TypicalP = Number("typical_p"),
        EpsilonCutoff = Number("epsilon_cutoff"),
        EtaCutoff = Number("eta_cutoff"),
        TopH = Number("top_h"),
        RepetitionPenalty = Number("repetition_penalty"),
        EncoderRepetitionPenalty = Number("encoder_repetition_penalty"),
        NoRepeatNgramSize = Whole("no_repeat_ngram_size"),
        EncoderNoRepeatNgramSize = Whole("encoder_no_repeat_ngram_size"),
        BadWordsIds = Value("bad_words_ids") is { } words ? [.. List("bad_words_ids", words).Select(word => Ids("bad_words_ids", word))] : null,
        SequenceBias = Biases(),
        ForcedBosTokenId = Whole("forced_bos_token_id"),
        ForcedEosTokenId = OneOrMore("forced_eos_token_id"),
        SuppressTokens = OneOrMore("suppress_tokens"),
        BeginSuppressTokens = OneOrMore("begin_suppress_tokens"),
        ExponentialDecayLengthPenalty = Decay(),
        GuidanceScale = Number("guidance_scale"),
        RemoveInvalidValues = Flag("remove_invalid_values"),
        RenormalizeLogits = Flag("renormalize_logits"),
        PadTokenId = Whole("pad_token_id"),
        BosTokenId = Whole("bos_token_id"),
        EosTokenId = OneOrMore("eos_token_id"),
        DecoderStartTokenId = DecoderStart(),
        StopStrings = Value("stop_strings") switch
        {
            null => null,
            JsonArray list => [.. List("stop_strings", list).Select(Text)],
            { } text => [Text(text)],
        },
    };

    public IReadOnlyList<string> UnknownKeys() =>
        [.. root.Select(pair => pair.Key).Where(key => !_read.Contains(key) && !WithoutMeaning.Contains(key)).Order(StringComparer.Ordinal)];

    public IReadOnlyList<string> Unsupported()
    {
        var found = new List<string>();
        void Refuse(string key, string method, bool isOff)
        {
            if (Value(key) is { } node && !isOff)
            {
                found.Add($"{path} has '{key}': {Shorten(node)}, which asks for {method}: it is not supported; take the key out");
            }
        }
        bool Is(string key, double off) => Value(key) is JsonValue value && value.TryGetValue(out double number) && number == off;
        Refuse("num_beam_groups", "diverse beam search", Is("num_beam_groups", 1));
        Refuse("diversity_penalty", "diverse beam search", Is("diversity_penalty", 0));
        Refuse("penalty_alpha", "contrastive search", Is("penalty_alpha", 0));
        Refuse("dola_layers", "DoLa decoding", false);
        Refuse("constraints", "constrained beam search", false);
        Refuse("force_words_ids", "constrained beam search", false);
        Refuse("watermarking_config", "watermarks", false);
        return found;
    }

    private JsonNode? Value(string key)
    {
        _read.Add(key);
        return root.TryGetPropertyValue(key, out JsonNode? node) ? node : null;
    }

    private int? Whole(string key) => Value(key) is { } node ? Whole(key, node) : null;

    private int Whole(string key, JsonNode? node)
    {
        if (node is JsonValue value)
        {
            if (value.TryGetValue(out int number)) return number;
            // Some files hold 20.0.
            if (value.TryGetValue(out double real) && real == Math.Floor(real) && Math.Abs(real) <= int.MaxValue) return (int)real;
        }
        throw Fault(key, node, "a whole number");
    }

    private double? Number(string key) => Value(key) is { } node ? Number(key, node) : null;

    private double Number(string key, JsonNode? node) =>
        node is JsonValue value && value.TryGetValue(out double number) && double.IsFinite(number) ? number : throw Fault(key, node, "a finite number");

    private bool? Flag(string key) =>
        Value(key) is not { } node ? null : node is JsonValue value && value.TryGetValue(out bool flag) ? flag : throw Fault(key, node, "true or false");

    private EarlyStopping? Stopping() => Value("early_stopping") switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out bool flag) => flag ? EarlyStopping.AtOnce : EarlyStopping.WhenUnlikely,
        JsonValue value when value.TryGetValue(out string? text) && text == "never" => EarlyStopping.Never,
        { } other => throw Fault("early_stopping", other, "true, false or \"never\""),
    };

    private List<int>? OneOrMore(string key) => Value(key) switch
    {
        null => null,
        JsonArray list => Ids(key, list),
        { } single => [Whole(key, single)],
    };

    private int? DecoderStart() => OneOrMore("decoder_start_token_id") switch
    {
        null => null,
        [int id] => id,
        // One id a row of a batch has no meaning in a file.
        _ => throw Fault("decoder_start_token_id", Value("decoder_start_token_id"), "one id"),
    };

    private List<int> Ids(string key, JsonNode? node) => [.. List(key, node).Select(entry => Whole(key, entry))];

    private JsonArray List(string key, JsonNode? node)
    {
        JsonArray list = node as JsonArray ?? throw Fault(key, node, "a list");
        return list.Count <= LongestList ? list : throw Fault(key, node, $"at most {LongestList} entries");
    }

    private List<SequenceBias>? Biases() => Value("sequence_bias") is { } node ? [.. List("sequence_bias", node).Select(Bias)] : null;

    private SequenceBias Bias(JsonNode? entry) => entry is JsonArray { Count: 2 } pair
        ? new(Ids("sequence_bias", pair[0]), Number("sequence_bias", pair[1]))
        : throw Fault("sequence_bias", entry, "a pair of ids and a bias");

    private LengthDecay? Decay() => Value("exponential_decay_length_penalty") switch
    {
        null => null,
        JsonArray { Count: 2 } pair => new(Whole("exponential_decay_length_penalty", pair[0]), Number("exponential_decay_length_penalty", pair[1])),
        { } other => throw Fault("exponential_decay_length_penalty", other, "a pair of a start and a factor"),
    };

    private string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : throw Fault("stop_strings", node, "strings");

    private CheckpointException Fault(string key, JsonNode? found, string expected) => new(path, $"'{key}' has {Shorten(found)}; {expected} was expected");

    private static string Shorten(JsonNode? node)
    {
        string text = node?.ToJsonString() ?? "null";
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");
    }
}
