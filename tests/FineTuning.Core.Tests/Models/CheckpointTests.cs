using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Checkpoint folders as they are found in the wild: what must load loads, what must be refused is refused with its name.</summary>
public sealed class CheckpointTests
{
    public static TheoryData<string> Cases()
    {
        var cases = new TheoryData<string>();
        if (Goldens.Folder("formats", "checkpoints") is not { } root) return cases;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal)) cases.Add(Path.GetFileName(folder));
        return cases;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Loads_or_refuses_as_the_reference_says(string name)
    {
        string folder = Goldens.Require("formats", "checkpoints", name);
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        JsonElement loads = golden.RootElement.GetProperty("loads");
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")).TrimStart('\uFEFF'));
        string type = config.RootElement.GetProperty("model_type").GetString()!;
        if (loads.ValueKind == JsonValueKind.False)
        {
            CheckpointException refusal = Assert.Throws<CheckpointException>(() => OutputHead.Load(folder, HeadKind.SequenceClassification, 3).Dispose());
            Assert.Contains(name, refusal.Message);
            return;
        }
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"'{type}' is not supported");
        int labels = Math.Max(2, OutputHead.ReadLabels(folder).Count);
        if (loads.ValueKind == JsonValueKind.String)
        {
            CheckpointException refusal = Assert.Throws<CheckpointException>(() => OutputHead.Load(folder, HeadKind.SequenceClassification, 5).Dispose());
            Assert.Contains("5", refusal.Message);
            using OutputHead fresh = OutputHead.Load(folder, HeadKind.SequenceClassification, 5, new ModelLoadOptions { FreshHead = true });
            Assert.NotEmpty(fresh.LoadReport.Fresh);
            return;
        }
        if (golden.RootElement.TryGetProperty("labels", out JsonElement names))
        {
            Assert.Equal(names.EnumerateArray().Select(label => label.GetString()), OutputHead.ReadLabels(folder).OrderBy(pair => pair.Key).Select(pair => pair.Value));
        }
        string tensors = Path.Combine(folder, "golden.safetensors");
        if (!File.Exists(tensors))
        {
            OutputHead.Load(folder, HeadKind.SequenceClassification, labels).Dispose();
            return;
        }
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var expected = SafetensorsFile.Open(tensors);
        bool trunk = expected.Tensors.ContainsKey("outputs.last_hidden_state");
        string? named = config.RootElement.TryGetProperty("architectures", out JsonElement classes) && classes.ValueKind == JsonValueKind.Array ? classes[0].GetString() : null;
        bool language = named?.EndsWith("LM", StringComparison.Ordinal) == true || named?.EndsWith("LMHeadModel", StringComparison.Ordinal) == true;
        HeadKind kind = trunk ? HeadKind.None : language ? HeadKind.CausalLanguage : HeadKind.SequenceClassification;
        using OutputHead model = OutputHead.Load(folder, kind, labels);
        Tensor? Input(string key) => expected.Tensors.ContainsKey("inputs." + key) ? expected.Read("inputs." + key) : null;
        Tensor? mask = Input("attention_mask")?.to(ScalarType.Bool);
        var input = new TrunkInput(Input("input_ids")!, Input("token_type_ids"), mask);
        Tensor found = trunk ? model.Trunk.Hidden(input, ForwardContext.Evaluation()) : model.Logits(input, ForwardContext.Evaluation());
        Tensor reference = expected.Read(trunk ? "outputs.last_hidden_state" : "outputs.logits");
        if (found.dim() == 3 && mask is not null) (found, reference) = (found * mask.unsqueeze(2), reference * mask.unsqueeze(2));
        Assert.True((found - reference).abs().max().item<float>() <= 1e-4 * Math.Max(1, reference.abs().max().item<float>()));
    }

    [Fact]
    public void What_is_saved_is_byte_equal_when_it_is_loaded_and_saved_again()
    {
        string root = Goldens.Require("models");
        int checkedFolders = 0;
        foreach (string folder in Directory.GetDirectories(root).SelectMany(family => Directory.GetDirectories(family)).Where(ModelFamilies.Supports))
        {
            if (!ModelCase.Heads.TryGetValue(Path.GetFileName(folder), out HeadKind? head)) continue;
            string first = Directory.CreateTempSubdirectory().FullName, second = Directory.CreateTempSubdirectory().FullName;
            using (OutputHead model = OutputHead.Load(folder, head, OutputHead.ReadLabels(folder).Count)) model.Save(first);
            using (OutputHead model = OutputHead.Load(first, head, OutputHead.ReadLabels(first).Count)) model.Save(second);
            foreach (string file in new[] { "config.json", "model.safetensors" }) Assert.Equal(File.ReadAllBytes(Path.Combine(first, file)), File.ReadAllBytes(Path.Combine(second, file)));
            Assert.Equal(Architecture(folder), Architecture(first));
            using ITensorSource original = CheckpointFiles.Open(folder), saved = CheckpointFiles.Open(first);
            Assert.Equal(original.Tensors.Keys.Order(StringComparer.Ordinal), saved.Tensors.Keys.Order(StringComparer.Ordinal));
            using var scope = NewDisposeScope();
            foreach (string name in saved.Tensors.Keys) Assert.True(original.Read(name).eq(saved.Read(name)).all().item<bool>(), name);
            checkedFolders++;
        }
        Assert.True(checkedFolders > 0);
    }

    /// <summary>What people start from under another name is the family it is: the same scores, and the class names of its own in what is saved.</summary>
    [Theory]
    [InlineData("roberta", "Roberta")]
    [InlineData("xlm-roberta", "XLMRoberta")]
    [InlineData("camembert", "Camembert")]
    public void Aliases_compute_what_their_family_does(string type, string stem)
    {
        string original = Goldens.Require("models", "roberta", "seqcls"), folder = Directory.CreateTempSubdirectory().FullName, saved = Directory.CreateTempSubdirectory().FullName;
        File.Copy(Path.Combine(original, "model.safetensors"), Path.Combine(folder, "model.safetensors"));
        string config = File.ReadAllText(Path.Combine(original, "config.json"));
        File.WriteAllText(Path.Combine(folder, "config.json"), config.Replace("\"model_type\": \"roberta\"", $"\"model_type\": \"{type}\"", StringComparison.Ordinal));
        using var scope = NewDisposeScope();
        using OutputHead model = OutputHead.Load(folder, HeadKind.SequenceClassification, OutputHead.ReadLabels(folder).Count);
        using var golden = SafetensorsFile.Open(Path.Combine(original, "golden.safetensors"));
        Tensor logits = model.Logits(new(golden.Read("inputs.input_ids"), null, golden.Read("inputs.attention_mask").to(ScalarType.Bool)), ForwardContext.Evaluation());
        Assert.True((logits - golden.Read("outputs.logits")).abs().max().item<float>() < 1e-4);
        model.Save(saved);
        Assert.Equal(stem + "ForSequenceClassification", Architecture(saved));
        Assert.Equal(type, model.Trunk.Plan.ModelType);
    }

    /// <summary>The tensor's own name is in the message, whether it stands alone or in a matrix that holds query, key and value.</summary>
    [Theory]
    [InlineData("roberta.embeddings.LayerNorm.bias", float.NaN)]
    [InlineData("roberta.encoder.layer.0.attention.self.key.weight", float.PositiveInfinity)]
    [InlineData("classifier.out_proj.weight", float.NegativeInfinity)]
    public void A_weight_that_is_not_finite_is_refused_by_its_name(string name, float value)
    {
        string original = Goldens.Require("models", "roberta", "seqcls"), folder = Directory.CreateTempSubdirectory().FullName;
        File.Copy(Path.Combine(original, "config.json"), Path.Combine(folder, "config.json"));
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using (ITensorSource source = CheckpointFiles.Open(original))
        {
            (string Name, Tensor Value)[] tensors = [.. source.Tensors.Keys.Order(StringComparer.Ordinal).Select(key => (key, source.Read(key).to(ScalarType.Float32)))];
            Array.Find(tensors, tensor => tensor.Name == name).Value.view(-1)[3] = value;
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, new Dictionary<string, string>());
        }
        CheckpointException refusal = Assert.Throws<CheckpointException>(() => OutputHead.Load(folder, HeadKind.SequenceClassification, OutputHead.ReadLabels(original).Count));
        Assert.Contains($"'{name}' hold NaN or infinite numbers", refusal.Message, StringComparison.Ordinal);
    }

    private static string Architecture(string folder)
    {
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        return config.RootElement.GetProperty("architectures")[0].GetString()!;
    }

    [Fact]
    public void What_is_stored_as_bfloat16_comes_back_rounded_once_and_is_byte_equal_when_it_is_stored_again()
    {
        const string configuration = """
            {"model_type":"bert","vocab_size":50,"hidden_size":12,"num_hidden_layers":2,"num_attention_heads":3,"intermediate_size":20,"max_position_embeddings":16}
            """;
        string first = Directory.CreateTempSubdirectory().FullName, second = Directory.CreateTempSubdirectory().FullName, whole = Directory.CreateTempSubdirectory().FullName;
        using OutputHead model = OutputHead.Create(configuration, HeadKind.SequenceClassification, 3);
        model.Save(first, stored: Precision.BFloat16);
        model.Save(whole);
        using OutputHead again = OutputHead.Load(first, HeadKind.SequenceClassification, 3);
        again.Save(second, stored: Precision.BFloat16);
        foreach (string file in new[] { "config.json", "model.safetensors" }) Assert.Equal(File.ReadAllBytes(Path.Combine(first, file)), File.ReadAllBytes(Path.Combine(second, file)));
        Assert.Contains("\"dtype\": \"bfloat16\"", File.ReadAllText(Path.Combine(first, "config.json")), StringComparison.Ordinal);

        using var scope = NewDisposeScope();
        using ITensorSource halves = CheckpointFiles.Open(first), originals = CheckpointFiles.Open(whole);
        Assert.All(halves.Tensors.Values, tensor => Assert.Equal("BF16", tensor.DataType));
        bool rounded = false;
        foreach (string name in originals.Tensors.Keys)
        {
            Tensor original = originals.Read(name), found = halves.Read(name);
            // 8 significant bits: half a unit of the last is 2^-8 of the value at most.
            Assert.True((found - original).abs().le(original.abs() * Held(Math.Pow(2, -8))).all().item<bool>(), name);
            rounded |= found.ne(original).any().item<bool>();
        }
        Assert.True(rounded);
        // The masters in memory are untouched by what was stored of them.
        Assert.All(model.Weights, weight => Assert.Equal(ScalarType.Float32, weight.Value.dtype));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Save(first, stored: (Precision)7));
    }

    [Theory]
    [InlineData("""{"model_type":"bert","vocab_size":1000000000000}""", "vocab_size")]
    [InlineData("""{"model_type":"bert","hidden_size":-1}""", "hidden_size")]
    [InlineData("""{"model_type":"bert","hidden_size":10,"num_attention_heads":3}""", "multiple")]
    [InlineData("""{"model_type":"bert","hidden_dropout_prob":1e400}""", "hidden_dropout_prob")]
    [InlineData("""{"model_type":"bert","hidden_act":"exec"}""", "hidden_act")]
    [InlineData("""{"model_type":"albert","num_hidden_groups":13}""", "num_hidden_groups")]
    [InlineData("""{"model_type":"albert","inner_group_num":1000000}""", "inner_group_num")]
    [InlineData("""{"model_type":"bert","num_hidden_layers":100000}""", "num_hidden_layers")]
    [InlineData("""{"model_type":"mpnet","relative_attention_num_buckets":8}""", "relative_attention_num_buckets")]
    [InlineData("""{"model_type":"deberta-v2","pos_att_type":["p2p"]}""", "p2p")]
    [InlineData("""{"model_type":"deberta-v2","pos_att_type":7}""", "pos_att_type")]
    [InlineData("""{"model_type":"deberta-v2","pos_att_type":[7]}""", "pos_att_type")]
    [InlineData("""{"model_type":"deberta-v2","relative_attention":true,"position_buckets":2000}""", "position_buckets")]
    [InlineData("""{"model_type":"deberta-v2","conv_kernel_size":4}""", "conv_kernel_size")]
    [InlineData("""{"model_type":"deberta-v2","conv_kernel_size":3,"conv_groups":7}""", "conv_groups")]
    [InlineData("""{"model_type":"deberta-v2","attention_head_size":12}""", "attention_head_size")]
    [InlineData("""{"model_type":"modernbert","hidden_size":9,"num_attention_heads":3}""", "even")]
    [InlineData("""{"model_type":"modernbert","layer_types":["full_attention"]}""", "layer_types")]
    [InlineData("""{"model_type":"modernbert","num_hidden_layers":1,"layer_types":["other"]}""", "other")]
    [InlineData("""{"model_type":"modernbert","classifier_pooling":"max"}""", "classifier_pooling")]
    [InlineData("""{"model_type":"modernbert","rope_parameters":7}""", "rope_parameters")]
    [InlineData("""{"model_type":"modernbert","rope_parameters":{"full_attention":{"rope_type":"yarn"}}}""", "yarn")]
    [InlineData("""{"model_type":"modernbert","rope_parameters":{"full_attention":{"rope_theta":-1}}}""", "rope_theta")]
    [InlineData("""{"model_type":"nothing"}""", "roberta")]
    [InlineData("""{"model_type":7}""", "model_type")]
    [InlineData("""[]""", "object")]
    [InlineData("""{""", "JSON")]
    public void An_absurd_configuration_is_refused_by_its_key(string configuration, string named) =>
        Assert.Contains(named, Assert.Throws<CheckpointException>(() => OutputHead.Create(configuration, HeadKind.None)).Message);
}
