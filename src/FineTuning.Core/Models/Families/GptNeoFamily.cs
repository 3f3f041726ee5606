using System.Text.Json.Nodes;

namespace FineTuning.Models;

/// <summary>
/// GPT-Neo (Black et al. 2021): GPT-2 with layers that see a window alone in turn with others, scores without scale, and no biases on query, key and value.
/// </summary>
internal static class GptNeoFamily
{
    private const string Layer = "h.{i}.";

    private static readonly NameTable Names = new(
        "transformer.",
        [
            ("embeddings.token", "wte"),
            ("embeddings.position", "wpe"),
            ("layers.{i}.attention.norm", Layer + "ln_1"),
            ("layers.{i}.attention.query", Layer + "attn.attention.q_proj"),
            ("layers.{i}.attention.key", Layer + "attn.attention.k_proj"),
            ("layers.{i}.attention.value", Layer + "attn.attention.v_proj"),
            ("layers.{i}.attention.output", Layer + "attn.attention.out_proj"),
            ("layers.{i}.feed_forward.norm", Layer + "ln_2"),
            ("layers.{i}.feed_forward.inner", Layer + "mlp.c_fc"),
            ("layers.{i}.feed_forward.outer", Layer + "mlp.c_proj"),
            ("norm", "ln_f"),
        ]);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["gpt_neo"],
        Read = config =>
        {
            DecoderSettings settings = Settings(config);
            return new("GPTNeo", settings.ToPlan(config), Names, settings.ToHeads(tokenModule: "classifier"));
        },
    };

    private static DecoderSettings Settings(ConfigFile config)
    {
        int hidden = config.Count("hidden_size", 2048), heads = config.Count("num_heads", 16), layers = config.Count("num_layers", 24, most: 4096);
        if (hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_heads' {heads}");
        var norm = new NormPlan(config.Number("layer_norm_epsilon", 1e-5, 0, 1));
        var around = new BranchPlan { Before = norm, Dropout = config.Dropout("resid_dropout", 0) };
        var window = new AttentionWindow(config.Count("window_size", 256) - 1, 0);
        var attention = new AttentionPlan(heads, heads, hidden / heads)
        {
            OutputBias = true, IsCausal = true, Scale = 1, Dropout = config.Dropout("attention_dropout", 0),
        };
        int inner = config.Has("intermediate_size") ? config.Count("intermediate_size") : 4 * hidden;
        var feedForward = new FeedForwardPlan(inner, config.Activation("activation_function", Activation.GeluTanh));
        var layer = new LayerPlan(attention, feedForward) { AroundAttention = around, AroundFeedForward = around };
        LayerPlan local = layer with { Attention = attention with { Window = window } };
        var embedding = new EmbeddingPlan(config.Count("vocab_size", 50257), hidden)
        {
            Positions = new(config.Count("max_position_embeddings", 2048)), Dropout = config.Dropout("embed_dropout", 0),
        };
        return DecoderSettings.Of(config, "gpt_neo", hidden, embedding, [.. Local(config, layers).Select(isLocal => isLocal ? local : layer)], norm) with
        {
            TiesOutput = config.Flag("tie_word_embeddings", true), TokenDropout = config.Dropout("classifier_dropout", 0.1),
        };
    }

    // attention_types: a list of patterns, each with how often it is repeated.
    private static List<bool> Local(ConfigFile config, int layers)
    {
        if (!config.Has("attention_types")) return [.. Enumerable.Range(0, layers).Select(i => i % 2 == 1)];
        var all = new List<bool>();
        foreach (JsonNode? entry in config.Root["attention_types"] as JsonArray ?? throw Unreadable())
        {
            if (entry is not JsonArray { Count: 2 } pair || pair[0] is not JsonArray pattern) throw Unreadable();
            if (pair[1] is not JsonValue value || !value.TryGetValue(out int times) || times < 0 || (long)times * pattern.Count > layers) throw Unreadable();
            for (int i = 0; i < times; i++) all.AddRange(pattern.Select(IsLocal));
        }
        return all.Count == layers ? all : throw config.Fault($"'attention_types' names {all.Count} layers; {layers} were expected");

        bool IsLocal(JsonNode? name) =>
            name is JsonValue value && value.TryGetValue(out string? kind) && kind is ("global" or "local") ? kind == "local" : throw Unreadable();

        Errors.CheckpointException Unreadable() =>
            config.Fault($"'attention_types' is not a list such as [[[\"global\", \"local\"], {layers / 2}]] for {layers} layers");
    }
}
