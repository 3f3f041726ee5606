using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>How families of decoders read config.json: both lines' spellings, defaults, and what is refused.</summary>
public sealed class FamilyConfigTests
{
    public static TheoryData<string, string> Cases() => ModelCase.All("clm");

    /// <summary>Folders of the 4.x line name base and scaling in keys of their own; the layers are the same.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Both_lines_of_files_mean_the_same_layers(string family, string head)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(Goldens.Require("models", family, head), "config.json")))!.AsObject();
        TrunkPlan expected = Plan(config);
        config["torch_dtype"] = config["dtype"]!.DeepClone();
        config.Remove("dtype");
        if (config["rope_parameters"] is JsonObject rope)
        {
            config.Remove("rope_parameters");
            if (rope["full_attention"] is JsonObject full)
            {
                config["rope_local_base_freq"] = rope["sliding_attention"]!["rope_theta"]!.DeepClone();
                rope = full;
            }
            config[family == "gpt_neox" ? "rotary_emb_base" : "rope_theta"] = rope["rope_theta"]!.DeepClone();
            if (rope["partial_rotary_factor"] is { } share) config[family == "gpt_neox" ? "rotary_pct" : "partial_rotary_factor"] = share.DeepClone();
            foreach (string key in new[] { "rope_theta", "partial_rotary_factor" }) rope.Remove(key);
            config["rope_scaling"] = (string?)rope["rope_type"] == "default" ? null : rope.DeepClone();
        }
        Assert.Equal(expected.Decoder!.Layers, Plan(config).Decoder!.Layers);
    }

    [Theory]
    [InlineData("llama", 32, 4096, 32, 32, 128, null)]
    [InlineData("mistral", 32, 4096, 32, 8, 128, 4095)]
    [InlineData("qwen2", 32, 4096, 32, 32, 128, null)]
    [InlineData("qwen3", 32, 4096, 32, 32, 128, null)]
    [InlineData("gemma2", 26, 2304, 8, 4, 256, 4095)]
    [InlineData("gemma3_text", 26, 2304, 8, 4, 256, 4095)]
    [InlineData("phi3", 32, 3072, 32, 32, 96, null)]
    [InlineData("olmo2", 32, 4096, 32, 32, 128, null)]
    [InlineData("smollm3", 36, 2048, 16, 4, 128, null)]
    [InlineData("gpt2", 12, 768, 12, 12, 64, null)]
    [InlineData("gpt_neo", 24, 2048, 16, 16, 128, null)]
    [InlineData("gpt_neox", 44, 6144, 64, 64, 96, null)]
    [InlineData("opt", 12, 768, 12, 12, 64, null)]
    public void Keys_that_are_missing_have_the_familys_defaults(string family, int layers, int hidden, int heads, int keys, int width, int? window)
    {
        TrunkPlan plan = Plan(new() { ["model_type"] = family });
        AttentionPlan attention = plan.Decoder!.Layers[0].Attention;
        Assert.Equal((layers, hidden, heads, keys, width, window), (plan.LayerCount, plan.HiddenSize, attention.QueryHeads, attention.KeyHeads, attention.Width, attention.Window?.Before));
        Assert.True(attention.IsCausal);
    }

    [Fact]
    public void Null_is_not_what_a_missing_key_is()
    {
        Assert.Null(Plan(new() { ["model_type"] = "mistral", ["sliding_window"] = null }).Decoder!.Layers[0].Attention.Window);
        Assert.Equal(50, Plan(new() { ["model_type"] = "gemma2" }).Decoder!.Layers[0].Attention.SoftCap);
        Assert.Null(Plan(new() { ["model_type"] = "gemma2", ["attn_logit_softcapping"] = null }).Decoder!.Layers[0].Attention.SoftCap);
        Assert.Equal(32000, Plan(new() { ["model_type"] = "phi3" }).PadTokenId);
        Assert.Null(Plan(new() { ["model_type"] = "phi3", ["pad_token_id"] = null }).PadTokenId);
    }

    [Fact]
    public void Layers_alternate_as_their_family_says()
    {
        bool[] Local(string json) => [.. Plan(JsonNode.Parse(json)!.AsObject()).Decoder!.Layers.Select(layer => layer.Attention.Window is not null)];
        Assert.Equal([true, false, true], Local("""{ "model_type": "gemma2", "num_hidden_layers": 3 }"""));
        Assert.Equal([true, true, true, true, true, false, true], Local("""{ "model_type": "gemma3_text", "num_hidden_layers": 7 }"""));
        Assert.Equal([false, true, false, true], Local("""{ "model_type": "gpt_neo", "num_layers": 4, "attention_types": [[["global", "local"], 2]] }"""));
        Assert.Equal([false, false, true], Local("""{ "model_type": "qwen2", "num_hidden_layers": 3, "use_sliding_window": true, "max_window_layers": 2 }"""));
        Assert.Equal([false, false, false], Local("""{ "model_type": "qwen2", "num_hidden_layers": 3, "sliding_window": 64 }"""));
        IReadOnlyList<LayerPlan> smol = Plan(JsonNode.Parse("""{ "model_type": "smollm3", "num_hidden_layers": 5 }""")!.AsObject()).Decoder!.Layers;
        Assert.Equal([true, true, true, false, true], smol.Select(layer => layer.Attention.Rotary is not null));
        // Bases of local and global layers differ.
        IReadOnlyList<LayerPlan> gemma = Plan(JsonNode.Parse("""{ "model_type": "gemma3_text", "rope_scaling": { "rope_type": "linear", "factor": 8.0 } }""")!.AsObject()).Decoder!.Layers;
        Assert.Equal(new RotaryPlan(10000, 256), gemma[0].Attention.Rotary);
        Assert.Equal(new RotaryPlan(1e6, 256) { Scaling = new LinearScaling(8) }, gemma[5].Attention.Rotary);
    }

    [Theory]
    [InlineData("""{ "model_type": "opt", "word_embed_proj_dim": 512 }""", "word_embed_proj_dim")]
    [InlineData("""{ "model_type": "opt", "layerdrop": 0.1 }""", "layerdrop")]
    [InlineData("""{ "model_type": "opt", "layer_norm_elementwise_affine": false }""", "layer_norm_elementwise_affine")]
    [InlineData("""{ "model_type": "bart", "encoder_layerdrop": 0.1 }""", "encoder_layerdrop")]
    [InlineData("""{ "model_type": "marian", "share_encoder_decoder_embeddings": false }""", "share_encoder_decoder_embeddings")]
    [InlineData("""{ "model_type": "marian", "decoder_vocab_size": 7 }""", "decoder_vocab_size")]
    [InlineData("""{ "model_type": "gemma3_text", "use_bidirectional_attention": true }""", "use_bidirectional_attention")]
    [InlineData("""{ "model_type": "gemma2", "sliding_window": null }""", "sliding_window")]
    [InlineData("""{ "model_type": "qwen3", "num_hidden_layers": 1, "layer_types": ["sliding_attention"] }""", "use_sliding_window")]
    [InlineData("""{ "model_type": "qwen2", "num_hidden_layers": 1, "layer_types": ["linear_attention"] }""", "linear_attention")]
    [InlineData("""{ "model_type": "gemma2", "layer_types": ["full_attention"] }""", "layer_types")]
    [InlineData("""{ "model_type": "smollm3", "no_rope_layers": [1, 0] }""", "no_rope_layers")]
    [InlineData("""{ "model_type": "gpt_neo", "attention_types": [[["global"], 2]] }""", "attention_types")]
    [InlineData("""{ "model_type": "gpt_neo", "attention_types": [[["round"], 24]] }""", "attention_types")]
    [InlineData("""{ "model_type": "llama", "rope_scaling": { "rope_type": "mrope" } }""", "mrope")]
    [InlineData("""{ "model_type": "phi3", "rope_scaling": { "type": "longrope", "short_factor": [1.0], "long_factor": [1.0] } }""", "short_factor")]
    [InlineData("""{ "model_type": "gpt_neox", "num_attention_heads": 7 }""", "num_attention_heads")]
    [InlineData("""{ "model_type": "llava" }""", "text_config")]
    [InlineData("""{ "model_type": "llava", "text_config": { "model_type": "no such" } }""", "no such")]
    public void What_is_not_supported_is_refused_by_its_key(string config, string named)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), config);
            CheckpointException refusal = Assert.Throws<CheckpointException>(() => Trunk.Load(folder).Dispose());
            Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A T5 whose file holds an output matrix of its own although config.json ties it keeps the scale of its states when it is saved and opened again.</summary>
    [Fact]
    public void T5_keeps_its_scale_where_saving_unties_the_output()
    {
        string original = Goldens.Require("models", "t5", "seq2seq"), folder = Directory.CreateTempSubdirectory().FullName, saved = Directory.CreateTempSubdirectory().FullName;
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(original, "config.json")))!.AsObject();
        config.Remove("scale_decoder_outputs");
        config["tie_word_embeddings"] = true;
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using (ITensorSource source = CheckpointFiles.Open(original))
        {
            IEnumerable<(string, Tensor)> tensors = source.Tensors.Keys.Where(name => name != "lm_head.weight").Select(name => (name, source.Read(name).to(ScalarType.Float32)));
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. tensors, ("lm_head.weight", source.Read("shared.weight").to(ScalarType.Float32).flip(0))]);
        }
        using OutputHead model = OutputHead.Load(folder, HeadKind.SequenceToSequence);
        Assert.False(model.IsTied);
        model.Save(saved);
        using OutputHead again = OutputHead.Load(saved, HeadKind.SequenceToSequence);
        var text = new TrunkInput(tensor(new long[] { 5, 9, 20, 1 }, [1, 4]));
        var input = new TrunkInput(tensor(new long[] { 0, 7 }, [1, 2])) { Source = text };
        Assert.True(model.Logits(input, ForwardContext.Evaluation()).eq(again.Logits(input, ForwardContext.Evaluation())).all().item<bool>());
        Directory.Delete(folder, recursive: true);
        Directory.Delete(saved, recursive: true);
    }

    private static TrunkPlan Plan(JsonObject root)
    {
        ConfigFile config = ConfigFile.Parse("config.json", root.ToJsonString());
        return ModelFamilies.Of(config).Read(config).Plan;
    }
}
