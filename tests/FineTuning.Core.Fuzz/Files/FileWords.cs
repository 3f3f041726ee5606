namespace FineTuning.Fuzz;

/// <summary>Words that mean something in the files of checkpoints and in data files.</summary>
internal static class FileWords
{
    public static readonly string[] All =
    [
        "model_type", "bert", "roberta", "distilbert", "albert", "electra", "mpnet", "deberta-v2", "modernbert", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "type_vocab_size", "pad_token_id", "hidden_act", "gelu", "layer_norm_eps", "id2label", "label2id", "problem_type", "architectures", "tie_word_embeddings", "initializer_range",
        "embedding_size", "num_hidden_groups", "relative_attention", "position_buckets", "pos_att_type", "conv_kernel_size", "rope_parameters", "layer_types", "local_attention", "quantization_config", "dtype",
        "shape", "data_offsets", "F32", "F64", "BF16", "F16", "I64", "U8", "BOOL", "F8_E4M3", "__metadata__", "format", "pt", "weight_map", "model.safetensors", "../model.safetensors", "/etc/passwd", "metadata",
        "total_size", "idx", "name", "path", "type", "sentence_transformers.models.Dense", "sentence_transformers.models.Pooling", "sentence_transformers.models.Normalize", "in_features", "out_features",
        "activation_function", "torch.nn.modules.activation.Tanh", "word_embedding_dimension", "pooling_mode_mean_tokens", "pooling_mode_cls_token", "max_seq_length", "do_lower_case", "prompts", "default_prompt_name",
        "peft_type", "LORA", "IA3", "r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "bias", "use_dora", "use_rslora", "rank_pattern", "fan_in_fan_out", "query", "all-linear",
        "eos_token_id", "bos_token_id", "max_length", "max_new_tokens", "num_beams", "num_return_sequences", "temperature", "top_k", "top_p", "do_sample", "penalty_alpha", "cache_implementation",
        "messages", "conversations", "role", "content", "from", "value", "system", "user", "assistant", "tool", "tool_calls", "tools", "prompt", "completion", "chosen", "rejected", "margin",
        "quant_method", "gptq", "awq", "bitsandbytes", "fp8", "load_in_4bit", "SCB", "I8", "text", "label", "data", "paragraphs", "context", "qas", "question", "answers", "answer_start", "is_impossible", "plausible_answers", "B-PER", "I-PER", "O", "-DOCSTART-", "\"", "\"\"", "\t", "\r\n", "\r", "\n\n", ";", ",",
        "\uFEFF", "\0", "\u0085", "\u2028", "sep=;", "{", "}", "[", "]", "\\ud800", "1e400", "-0", "NaN", "null", "true", "4194304", "16777216", "9223372036854775807", "..",
    ];
}
