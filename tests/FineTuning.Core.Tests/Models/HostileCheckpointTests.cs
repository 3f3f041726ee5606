using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Checkpoints whose sizes, types or names are not what they claim: refused at load, before memory is taken, or read right.</summary>
public sealed class HostileCheckpointTests : IDisposable
{
    private readonly string _folder = TinyCheckpoint.Make();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("vocab_size", 16777216)]
    [InlineData("vocab_size", 4000000)]
    [InlineData("hidden_size", 4000000)]
    [InlineData("hidden_size", 60000)]
    [InlineData("intermediate_size", 4000000)]
    [InlineData("max_position_embeddings", 4000000)]
    [InlineData("type_vocab_size", 4000000)]
    [InlineData("num_hidden_layers", 4000)]
    public void Sizes_that_the_file_does_not_hold_take_no_memory(string key, int value)
    {
        Configure(root => root[key] = value);
        long before = Environment.WorkingSet;
        CheckpointException refusal = Assert.Throws<CheckpointException>(() => OutputHead.Load(_folder, HeadKind.SequenceClassification, 2));
        Assert.True(refusal.Message.Length < 20_000);
        Assert.True(Environment.WorkingSet - before < 500L << 20);
    }

    [Fact]
    public void A_model_that_no_memory_holds_is_not_made()
    {
        const string configuration = """{"model_type":"bert","vocab_size":4000000,"hidden_size":4000000,"num_hidden_layers":1,"num_attention_heads":2}""";
        Assert.Contains("memory", Assert.Throws<CheckpointException>(() => OutputHead.Create(configuration, HeadKind.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Integers_where_weights_belong_are_refused_by_name_and_integers_that_nobody_needs_are_not()
    {
        Rewrite(tensors => tensors["bert.embeddings.position_ids"] = zeros([1, 16], ScalarType.Int64));
        OutputHead.Load(_folder, HeadKind.SequenceClassification, 2).Dispose();
        Rewrite(tensors => tensors["classifier.weight"] = zeros([2, 8], ScalarType.Int8));
        string message = Assert.Throws<CheckpointException>(() => OutputHead.Load(_folder, HeadKind.SequenceClassification, 2)).Message;
        Assert.Contains("classifier.weight", message, StringComparison.Ordinal);
        Assert.Contains("quantized", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Quantized_checkpoints_are_named_with_the_way_out()
    {
        Rewrite(tensors => tensors["bert.encoder.layer.0.attention.self.query.SCB"] = zeros(8));
        Assert.Contains("dequantize", Assert.Throws<CheckpointException>(() => OutputHead.Load(_folder, HeadKind.SequenceClassification, 2)).Message, StringComparison.Ordinal);
        Configure(root => root["quantization_config"] = new JsonObject { ["quant_method"] = "bitsandbytes", ["load_in_8bit"] = true });
        Assert.Contains("bitsandbytes", Assert.Throws<CheckpointException>(() => OutputHead.Load(_folder, HeadKind.SequenceClassification, 2)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e300, "1E+300")]
    [InlineData(-1e39, "-1E+39")]
    public void Numbers_beyond_float32_are_refused_by_name(double value, string named)
    {
        Rewrite(tensors => tensors["classifier.bias"] = tensor(new[] { value, 1 }));
        string message = Assert.Throws<CheckpointException>(() => OutputHead.Load(_folder, HeadKind.SequenceClassification, 2)).Message;
        Assert.Contains("classifier.bias", message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_beyond_bfloat16_are_refused_at_load_and_when_they_are_stored()
    {
        using (OutputHead model = OutputHead.Load(_folder, HeadKind.SequenceClassification, 2))
        {
            using (no_grad()) model.Weights.Find("head.output.bias")!.Value.fill_(Scalars.Held(3.395e38));
            Assert.Contains("classifier.bias", Assert.Throws<CheckpointException>(() => model.Save(_folder, stored: Precision.BFloat16)).Message, StringComparison.Ordinal);
        }
        Rewrite(tensors => tensors["classifier.bias"] = tensor(new[] { 3.395e38f, 1 }));
        string message = Assert.Throws<CheckpointException>(() => OutputHead.Load(_folder, HeadKind.SequenceClassification, 2)).Message;
        Assert.Contains("classifier.bias", message, StringComparison.Ordinal);
        Assert.Contains("bfloat16", message, StringComparison.Ordinal);
        // The largest number that it has is none too many.
        Rewrite(tensors => tensors["classifier.bias"] = tensor(new[] { 3.3895e38f, 1 }));
        OutputHead.Load(_folder, HeadKind.SequenceClassification, 2).Dispose();
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("_orig_mod.")]
    [InlineData("model.")]
    [InlineData("module._orig_mod.")]
    [InlineData("any.thing.")]
    public void A_prefix_that_all_names_share_is_recognized_and_reported(string prefix)
    {
        float[] bias;
        using (OutputHead plain = OutputHead.Load(_folder, HeadKind.SequenceClassification, 2))
        {
            bias = plain.Weights.Find("layers.0.feed_forward.inner.weight")!.Value.data<float>().ToArray();
            Assert.Empty(plain.LoadReport.SharedPrefix);
        }
        Rewrite(tensors =>
        {
            foreach ((string name, Tensor value) in tensors.ToArray())
            {
                tensors.Remove(name);
                tensors[prefix + name] = value;
            }
        });
        using OutputHead model = OutputHead.Load(_folder, HeadKind.SequenceClassification, 2);
        Assert.Equal(prefix, model.LoadReport.SharedPrefix);
        Assert.Empty(model.LoadReport.Fresh);
        Assert.Contains(prefix + "classifier.weight", model.LoadReport.Mapped);
        Assert.Contains(prefix, model.LoadReport.ToString(), StringComparison.Ordinal);
        Assert.Equal(bias, model.Weights.Find("layers.0.feed_forward.inner.weight")!.Value.data<float>().ToArray());
    }

    [Theory]
    [InlineData("bert", "embeddings.word_embeddings.weight", "bert", "")]
    [InlineData("", "bert.encoder.x,bert.encoder.y", "bert", "")]
    [InlineData("", "module.bert.x,module.classifier.y", "bert,classifier", "module.")]
    [InlineData("", "module.bert.x,classifier.y", "bert,classifier", "")]
    [InlineData("", "alone", "bert", "")]
    [InlineData("", "", "bert", "")]
    public void Names_of_the_family_are_no_prefix(string unused, string names, string own, string expected)
    {
        _ = unused;
        Assert.Equal(expected, SharedPrefix.Of(names.Split(',', StringSplitOptions.RemoveEmptyEntries), segment => own.Split(',').Append("embeddings").Contains(segment)));
    }

    [Fact]
    public void A_tokenizer_that_is_larger_than_the_embeddings_is_refused_with_both_sizes()
    {
        File.AppendAllLines(Path.Combine(_folder, "vocab.txt"), ["more", "and", "more2"]);
        string message = Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(_folder)).Message;
        Assert.Contains("15 rows", message, StringComparison.Ordinal);
        Assert.Contains("have 12 rows", message, StringComparison.Ordinal);
        Assert.Contains("AddTokens", message, StringComparison.Ordinal);
        foreach (Action load in new Action[]
        {
            () => Pretrained.TokenClassifier(_folder, ["PER"]).Dispose(), () => Pretrained.QuestionAnswerer(_folder).Dispose(), () => Pretrained.SentenceEncoder(_folder).Dispose(),
            () => Pretrained.TextRegressor(_folder).Dispose(), () => Pretrained.MaskedLanguageModel(_folder).Dispose(), () => Pretrained.FewShotClassifier<string>(_folder).Dispose(),
        })
        {
            Assert.Throws<CheckpointException>(load);
        }
    }

    [Fact]
    public void Added_and_padding_ids_outside_the_embeddings_are_refused()
    {
        Configure(root => root["pad_token_id"] = 12);
        Assert.Contains("pad_token_id", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(_folder)).Message, StringComparison.Ordinal);
        Configure(root => root["pad_token_id"] = 0);
        File.WriteAllText(Path.Combine(_folder, "added_tokens.json"), """{"<new>":40}""");
        Assert.Contains("<new>", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(_folder)).Message, StringComparison.Ordinal);
    }

    private void Configure(Action<JsonObject> change)
    {
        string path = Path.Combine(_folder, "config.json");
        JsonObject root = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(root);
        File.WriteAllText(path, root.ToJsonString());
    }

    private void Rewrite(Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        string path = Path.Combine(_folder, "model.safetensors");
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            foreach (string name in file.Tensors.Keys) tensors[name] = file.Read(name);
        }
        change(tensors);
        SafetensorsWriter.Write(path, [.. tensors.Select(pair => (pair.Key, pair.Value))]);
    }
}
