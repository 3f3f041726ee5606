namespace FineTuning.Adapters;

/// <summary>The modules that PEFT adapts where none are named, by config.json's model_type.</summary>
internal static class DefaultTargets
{
    /// <summary>LoRA's, which most methods share.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Lora = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["bert"] = ["query", "value"], ["roberta"] = ["query", "value"], ["xlm-roberta"] = ["query", "value"], ["electra"] = ["query", "value"],
        ["deberta-v2"] = ["query_proj", "value_proj"], ["gpt2"] = ["c_attn"], ["gpt_neo"] = ["q_proj", "v_proj"], ["gpt_neox"] = ["query_key_value"],
        ["opt"] = ["q_proj", "v_proj"], ["llama"] = ["q_proj", "v_proj"], ["mistral"] = ["q_proj", "v_proj"], ["qwen2"] = ["q_proj", "v_proj"],
        ["qwen3"] = ["q_proj", "v_proj"], ["gemma2"] = ["q_proj", "v_proj"], ["gemma3_text"] = ["q_proj", "v_proj"], ["t5"] = ["q", "v"], ["mt5"] = ["q", "v"],
        ["bart"] = ["q_proj", "v_proj"],
    };

    /// <summary>IA3's, and which of them scale what enters.</summary>
    public static readonly IReadOnlyDictionary<string, (string[] Targets, string[] FeedForward)> Scaling = new Dictionary<string,
        (string[], string[])>(StringComparer.Ordinal)
    {
        ["bert"] = (["key", "value", "output.dense"], ["output.dense"]), ["roberta"] = (["key", "value", "output.dense"], ["output.dense"]),
        ["deberta-v2"] = (["key_proj", "value_proj", "output.dense"], ["output.dense"]), ["gpt2"] = (["c_attn", "mlp.c_proj"], ["mlp.c_proj"]),
        ["gpt_neo"] = (["q_proj", "v_proj", "c_proj"], ["c_proj"]), ["gpt_neox"] = (["query_key_value", "dense_4h_to_h"], ["dense_4h_to_h"]),
        ["opt"] = (["q_proj", "k_proj", "fc2"], ["fc2"]), ["llama"] = (["k_proj", "v_proj", "down_proj"], ["down_proj"]),
        ["mistral"] = (["k_proj", "v_proj", "down_proj"], ["down_proj"]), ["qwen2"] = (["q_proj", "v_proj", "down_proj"], ["down_proj"]),
        ["qwen3"] = (["q_proj", "v_proj", "down_proj"], ["down_proj"]), ["gemma2"] = (["q_proj", "v_proj", "down_proj"], ["down_proj"]),
        ["gemma3_text"] = (["q_proj", "v_proj", "down_proj"], ["down_proj"]), ["t5"] = (["k", "v", "wo"], ["wo"]),
            ["bart"] = (["q_proj", "v_proj", "fc2"], ["fc2"]),
    };
}
