using System.Text.Json.Nodes;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Adapter folders that are damaged, hostile or of another base: an error that names what is wrong, and the model as it was.</summary>
public sealed class HostileAdapterTests
{
    public static TheoryData<string, string, string> Values() => new()
    {
        { "r", "0", "'r'" }, { "r", "100000000", "'r'" }, { "r", "\"four\"", "'r'" }, { "r", "8", "shape" },
        { "lora_alpha", "-1", "'lora_alpha'" }, { "lora_dropout", "1", "'lora_dropout'" }, { "bias", "\"some\"", "'bias'" },
        { "peft_type", "\"POLY\"", "not supported" }, { "peft_type", "null", "'peft_type'" },
            { "init_lora_weights", "\"loftq\"", "init_lora_weights" },
        { "layer_replication", "[[0, 1]]", "'layer_replication'" }, { "target_modules", "\"(\"", "regular expression" },
            { "target_modules", "[1]", "'target_modules'" },
        { "target_modules", "[\"key\"]", "missing" }, { "target_modules", "[\"query\"]", "belongs to no module" },
            { "use_dora", "true", "lora_magnitude_vector" },
        { "rank_pattern", "{\"query\": 0}", "'query'" }, { "trainable_token_indices", "[-1]", "'trainable_token_indices'" },
            { "layers_to_transform", "[\"0\"]", "'layers_to_transform'" },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_that_cannot_be_is_refused_by_name(string key, string value, string named)
    {
        string message = Refusal(config => config[key] = JsonNode.Parse(value), null);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_never_ends_is_ended() =>
        Assert.NotEmpty(Refusal(config => config["target_modules"] = "(?=((a+)+)+$)(.*.*.*.*.*.*.*.*.*.*.*.*)*x", null));

    [Fact]
    public void A_file_that_is_cut_short_is_refused() =>
        Assert.Contains("adapter_model", Refusal(null, bytes => bytes[..(bytes.Length / 2)]), StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_is_named()
    {
        using OutputHead model = Load();
        using var adapters = new ModelAdapters(model);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adapter");
        try
        {
            Assert.Contains("adapter_config.json", Assert.Throws<CheckpointException>(() => adapters.Load(folder.FullName)).Message, StringComparison.Ordinal);
            Assert.Throws<CheckpointException>(() => adapters.Load(Path.Combine(folder.FullName, "none")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static OutputHead Load()
    {
        string checkpoint = Goldens.Require("peft", "bases", "bert");
        return OutputHead.Load(checkpoint, HeadKind.SequenceClassification, OutputHead.ReadLabels(checkpoint).Count);
    }

    // What the library says of a folder that was changed; the adapter that was active before stays so.
    private static string Refusal(Action<JsonObject>? config, Func<byte[], byte[]>? weights)
    {
        using OutputHead model = Load();
        string original = Goldens.Require("peft", "lora-bert", "adapter");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adapter");
        try
        {
            var root = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(original, "adapter_config.json")))!;
            config?.Invoke(root);
            File.WriteAllText(Path.Combine(folder.FullName, "adapter_config.json"), root.ToJsonString());
            byte[] bytes = File.ReadAllBytes(Path.Combine(original, "adapter_model.safetensors"));
            File.WriteAllBytes(Path.Combine(folder.FullName, "adapter_model.safetensors"), weights?.Invoke(bytes) ?? bytes);
            using var adapters = new ModelAdapters(model);
            adapters.Add(Adapter.Lora(rank: 2), "before");
            FineTuningException fault = Assert.ThrowsAny<FineTuningException>(() => adapters.Load(folder.FullName));
            Assert.Equal("before", adapters.Active);
            return fault.Message;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
