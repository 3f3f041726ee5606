using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Tests.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>A case of goldens/peft: a base, an adapter as PEFT wrote it, and what PEFT computes with it.</summary>
internal sealed class AdapterCase : IDisposable
{
    private readonly SafetensorsFile _batches;

    private AdapterCase(string name, string folder, JsonElement expected)
    {
        (Name, Folder, Expected) = (name, folder, expected);
        Base = Path.Combine(folder, expected.GetProperty("base").GetString()!);
        Golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        _batches = SafetensorsFile.Open(Path.Combine(Base, "batches.safetensors"));
    }

    public string Name { get; }

    public string Folder { get; }

    public string Base { get; }

    public JsonElement Expected { get; }

    public SafetensorsFile Golden { get; }

    public string Task => Expected.GetProperty("task").GetString()!;

    public string AdapterFolder => Path.Combine(Folder, "adapter");

    public IReadOnlyList<string> Trainable => Expected.TryGetProperty("trainable", out JsonElement keys)
        ? [.. keys.EnumerateArray().Select(key => key.GetString()!)] : [];

    /// <summary>Whether one low-rank part serves embeddings and output layer. The reference trains its two views as two weights, so that each moves
    /// twice.</summary>
    public bool IsTied => File.ReadAllText(Path.Combine(AdapterFolder, "adapter_config.json"))
        .Contains("\"ensure_weight_tying\": true", StringComparison.Ordinal);

    public static TheoryData<string> All()
    {
        var cases = new TheoryData<string>();
        if (Goldens.Folder("peft") is not { } root) return cases;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, "golden.json"))
                && File.Exists(Path.Combine(folder, "adapter", "adapter_config.json"))) cases.Add(Path.GetFileName(folder));
        }
        return cases;
    }

    /// <summary>What a case expects.</summary>
    public static JsonElement Expects(string folder) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json"))).RootElement;

    /// <summary>Opens a case, whatever it holds.</summary>
    public static AdapterCase Of(string name)
    {
        string folder = Goldens.Require("peft", name);
        return new(name, folder, Expects(folder));
    }

    /// <summary>Opens a case; skips what the library refuses by name.</summary>
    public static AdapterCase Open(string name, bool half = false)
    {
        string folder = Goldens.Require("peft", name);
        var own = new AdapterCase(name, folder, JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json"))).RootElement);
        if (!ModelFamilies.Supports(own.Base)) Assert.Skip($"the family of {Path.GetFileName(own.Base)} is not supported yet");
        if (own.IsHalf != half) Assert.Skip("the base runs in bfloat16: HalfAdapterTests");
        try
        {
            _ = AdapterConfig.Read(own.AdapterFolder);
        }
        catch (CheckpointException refused)
        {
            Assert.Skip(refused.Message);
        }
        return own;
    }

    public OutputHead Load() => Task switch
    {
        "seq_cls" => OutputHead.Load(Base, HeadKind.SequenceClassification, OutputHead.ReadLabels(Base).Count),
        "causal_lm" => OutputHead.Load(Base, HeadKind.CausalLanguage, options: new() { FrozenPrecision = IsHalf ? Precision.BFloat16 : null }),
        _ => OutputHead.Load(Base, HeadKind.SequenceToSequence),
    };

    /// <summary>Whether the base runs in bfloat16.</summary>
    public bool IsHalf => Expected.TryGetProperty("run_dtype", out JsonElement type) && type.GetString() == "bfloat16";

    /// <summary>Logits and loss of a batch.</summary>
    public (Tensor Logits, Tensor Loss) Run(OutputHead model, int batch, Precision precision = Precision.Float32)
    {
        Tensor Read(string name) => _batches.Read(name).select(0, batch);
        Tensor ids = Read("input_ids"), mask = Read("attention_mask").to(ScalarType.Bool), labels = Read("labels");
        var input = new TrunkInput(ids, _batches.Tensors.ContainsKey("token_type_ids") ? Read("token_type_ids") : null, mask);
        if (Task == "seq_2_seq_lm") input = new TrunkInput(ModelCase.ShiftedRight(labels, model.Trunk.Plan)) { Source = input };
        Tensor logits = Task == "causal_lm" && model.Trunk.Prompt is { IsPrefix: false } prompt ? Whole(model, prompt, ref input, ref labels)
            : model.Logits(input, ForwardContext.Evaluation(precision));
        mask = input.Mask!;
        if (Task == "seq_cls") return (logits, nn.functional.cross_entropy(logits, labels));
        if (Task == "seq_2_seq_lm") return (logits, nn.functional.cross_entropy(logits.reshape(-1, logits.shape[2]), labels.reshape(-1), ignore_index: -100));
        Tensor loss = nn.functional.cross_entropy(logits.narrow(1, 0, logits.shape[1] - 1).reshape(-1, logits.shape[2]),
            labels.narrow(1, 1, labels.shape[1] - 1).reshape(-1), ignore_index: -100);
        return (logits * mask.unsqueeze(2), loss);
    }

    /// <summary>Puts the adapter on a model: from its file, or with the tensors from which the reference trained where the file does not hold them.</summary>
    public void Put(ModelAdapters adapters)
    {
        string[] starts = [.. Golden.Tensors.Keys.Where(key => key.StartsWith("start.", StringComparison.Ordinal))];
        if (starts.Length == 0)
        {
            adapters.Load(AdapterFolder);
            return;
        }
        adapters.Add(AdapterConfig.Read(AdapterFolder));
        using var gradients = no_grad();
        foreach (string key in starts) adapters.Current!.Weights.Find(key["start.".Length..])!.Value.copy_(Read(key));
    }

    public Tensor BaseLogits() => _batches.Read("logits.base");

    public Tensor Read(string name) => Golden.Read(name);

    public bool Holds(string name) => Golden.Tensors.ContainsKey(name);

    // The scores of the learned vectors too, of which the last predicts the first token of the text.
    private static Tensor Whole(OutputHead model, ITrunkPrompt prompt, ref TrunkInput input, ref Tensor labels)
    {
        ForwardContext context = ForwardContext.Evaluation();
        Tensor text = model.Logits(input, context);
        input = TrunkPrompt.Before(prompt, input, context);
        labels = cat([full([labels.shape[0], prompt.Count], Held(-100L), ScalarType.Int64), labels], 1);
        model.Trunk.Prompt = null;
        try
        {
            Tensor logits = model.Logits(input, context);
            Assert.InRange(Apart(text, logits.narrow(1, prompt.Count, text.shape[1])), 0, 1e-6);
            return logits;
        }
        finally
        {
            model.Trunk.Prompt = prompt;
        }
    }

    /// <summary>Asserts that scores with a cache, or of rows in a batch, are those without.</summary>
    public static void Near(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++) Assert.InRange(Math.Abs(expected[i] - found[i]), 0, 1e-4f);
    }

    public static double Apart(Tensor found, Tensor expected) =>
        (found.detach() - expected).abs().max().item<float>() / Math.Max(1e-12, expected.abs().max().item<float>());

    public void Dispose()
    {
        Golden.Dispose();
        _batches.Dispose();
    }
}
