using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Adapters that PEFT wrote: found modules, logits, gradients, twelve steps, merging and back, and what is written again.</summary>
public sealed class GoldenAdapterTests
{
    public static TheoryData<string> Cases() => AdapterCase.All();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Modules_logits_and_gradients_equal_the_reference(string name)
    {
        using AdapterCase own = AdapterCase.Open(name);
        using var scope = NewDisposeScope();
        using OutputHead model = own.Load(), bare = own.Load();
        if (model.Trunk.Plan.ModelType == "gemma3_text") HalfConstants.Set(bare.Trunk);
        Assert.InRange(AdapterCase.Apart(own.Run(bare, 0).Logits, own.BaseLogits()), 0, 1e-4);
        using var adapters = new ModelAdapters(model);
        own.Put(adapters);
        if (own.Expected.TryGetProperty("targets", out JsonElement targets) && own.Name is not ("ln-tuning-bert" or "ln-tuning-llama" or "trainable-tokens"))
        {
            Assert.Equal(targets.EnumerateArray().Select(path => path.GetString()!).Order(StringComparer.Ordinal), adapters.ModulesOf("default")
                .Order(StringComparer.Ordinal));
        }
        (Tensor logits, Tensor loss) = own.Run(model, 0);
        if (adapters.Current!.Prompt is not null)
        {
            using var file = SafetensorsFile.Open(Path.Combine(own.AdapterFolder, "adapter_model.safetensors"));
            Assert.InRange(AdapterCase.Apart(adapters.Current.Entries.First(entry => entry.Key == "prompt_embeddings").Value(),
                file.Read("prompt_embeddings")), 0, 1e-6);
        }
        if (own.Holds("logits.adapter")) Assert.InRange(AdapterCase.Apart(logits, own.Read("logits.adapter")), 0, 1e-4);
        if (own.Trainable.Count == 0 || own.IsTied) return;
        if (adapters.Current!.Penalty() is { } penalty) loss = loss.Plus(penalty);
        Assert.InRange(Math.Abs(loss.item<float>() - own.Expected.GetProperty("loss").GetDouble()), 0,
            1e-4 * Math.Abs(own.Expected.GetProperty("loss").GetDouble()));

        Dictionary<string, Weight> trained = Trained(adapters);
        Assert.Equal(own.Expected.GetProperty("trainable_parameters").GetInt64(), model.Weights.ParameterCount(trainableOnly: true));
        Assert.Equal(own.Trainable.Order(StringComparer.Ordinal), trained.Keys.Order(StringComparer.Ordinal));
        loss.backward();
        Written(adapters, model);
        foreach (string key in own.Trainable.Where(key => own.Holds("grad." + key)))
        {
            Tensor expected = own.Read("grad." + key);
            Tensor found = GradientOf(adapters, key) ?? zeros_like(expected);
            // The gradient of a key's bias is 0 but for rounding.
            if (expected.abs().max().item<float>() > 1e-6) Assert.True(AdapterCase.Apart(found, expected) < 1e-4,
                $"the gradient of {key} is {AdapterCase.Apart(found, expected)} apart");
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Twelve_steps_equal_the_reference(string name)
    {
        using AdapterCase own = AdapterCase.Open(name);
        if (!own.Expected.TryGetProperty("train", out JsonElement train) || train.ValueKind != JsonValueKind.Object) Assert.Skip("the case has no run");
        if (own.IsTied) Assert.Skip("the reference steps shared values twice");
        using var outer = NewDisposeScope();
        using OutputHead model = own.Load();
        using var adapters = new ModelAdapters(model);
        own.Put(adapters);
        Dictionary<string, Weight> trained = Trained(adapters);
        JsonElement groups = train.GetProperty("groups");
        var optimizers = new List<PlainAdamW>();
        foreach (JsonElement group in groups.EnumerateArray())
        {
            JsonElement members = group.GetProperty("parameters");
            IEnumerable<Weight> weights = members.ValueKind == JsonValueKind.String ? trained.Values : members.EnumerateArray()
                .Select(key => trained[key.GetString()!]);
            optimizers.Add(new([.. weights.Distinct().Select(weight => weight.Value)], group.GetProperty("lr").GetDouble(),
                group.GetProperty("weight_decay").GetDouble()));
        }
        double[] losses = [.. train.GetProperty("loss").EnumerateArray().Select(value => value.GetDouble())];
        for (int step = 0; step < losses.Length; step++)
        {
            using var scope = NewDisposeScope();
            Tensor loss = own.Run(model, step % 4).Loss;
            if (adapters.Current!.Penalty() is { } penalty) loss = loss.Plus(penalty);
            Assert.True(Math.Abs(loss.item<float>() - losses[step]) <= 1e-4 * Math.Abs(losses[step]),
                $"the loss of step {step} is {loss.item<float>()} instead of {losses[step]}");
            loss.backward();
            foreach (PlainAdamW optimizer in optimizers) optimizer.Step();
        }
        HashSet<string> noise = [.. train.GetProperty("noise_dominated").EnumerateArray().Select(key => key.GetString()!)];
        IEnumerable<(string Key, Func<Tensor> Value)> ends = adapters.Current!.Entries.Concat(adapters.Current.Weights.Select(weight =>
            (weight.Name, (Func<Tensor>)(() => weight.Value))));
        foreach ((string key, Func<Tensor> value) in ends)
        {
            if (own.Holds("final." + key) && !noise.Contains(key)) Assert.True(AdapterCase.Apart(value(), own.Read("final." + key)) < 1e-3,
                $"{key} is {AdapterCase.Apart(value(), own.Read("final." + key))} apart at the end");
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Merged_equals_adapter_and_what_is_taken_back_is_the_base_to_the_bit(string name)
    {
        using AdapterCase own = AdapterCase.Open(name);
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead model = own.Load();
        Tensor[] before = [.. model.Weights.Select(weight => weight.Own.clone())];
        Tensor bare = own.Run(model, 0).Logits;
        using var adapters = new ModelAdapters(model);
        adapters.Load(own.AdapterFolder);
        Tensor adapted = own.Run(model, 0).Logits;
        bool isTied = model.IsTied;
        if (adapters.Current!.Options.Unmergeable is not null) Assert.Throws<InvalidOperationException>(() => adapters.Merge());
        else
        {
            bool oneSided = adapters.Current.IsOneSided;
            adapters.Merge();
            Assert.Equal(isTied && !oneSided, model.IsTied);
            Assert.InRange(AdapterCase.Apart(own.Run(model, 0).Logits, adapted), 0, 1e-5);
            foreach (Weight weight in model.Weights)
            {
                foreach (WeightPart part in weight.Parts.Where(part => !own.IsTied && !oneSided && own.Holds("merged." + part.CheckpointName)))
                {
                    Assert.InRange(AdapterCase.Apart(part.Of(weight.Value), own.Read("merged." + part.CheckpointName)), 0, 1e-5);
                }
            }
            if (oneSided) SavedEquals(own, model, adapted);
            adapters.Unmerge();
        }
        Assert.Equal(isTied, model.IsTied);
        Assert.True(Same(own.Run(model, 0).Logits, adapted));
        adapters.UseNone();
        Assert.True(Same(own.Run(model, 0).Logits, bare));
        Assert.All(model.Weights.Zip(before), pair => Assert.True(Same(pair.First.Value, pair.Second)));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void What_is_written_has_the_reference_s_keys_and_opens_again(string name)
    {
        using AdapterCase own = AdapterCase.Open(name);
        using var scope = NewDisposeScope();
        using OutputHead model = own.Load();
        using var adapters = new ModelAdapters(model);
        adapters.Load(own.AdapterFolder);
        DirectoryInfo target = Directory.CreateTempSubdirectory("adapter");
        try
        {
            string folder = Path.Combine(target.FullName, "written");
            adapters.Save(folder);
            using (var theirs = SafetensorsFile.Open(Path.Combine(own.AdapterFolder, "adapter_model.safetensors")))
            using (var ours = SafetensorsFile.Open(Path.Combine(folder, "adapter_model.safetensors")))
            {
                string[] keys = [.. theirs.Tensors.Keys.Where(key => !key.Contains(".modules_to_save.") && !key.Contains(".original_module."))];
                Assert.Equal(keys.Order(StringComparer.Ordinal), ours.Tensors.Keys.Order(StringComparer.Ordinal));
                Assert.All(keys, key => Assert.True(Same(theirs.Read(key), ours.Read(key)), key));
            }
            Tensor logits = own.Run(model, 0).Logits;
            adapters.Load(folder, "again");
            // A start that takes something out of the base is computed again, which rounds as it likes.
            bool decomposes = adapters.Current!.Options is LoraAdapter { Start: LoraStart.PrincipalComponents or LoraStart.Orthonormal };
            Assert.InRange(AdapterCase.Apart(own.Run(model, 0).Logits, logits), 0, decomposes ? 1e-6 : 0);
            string again = Path.Combine(target.FullName, "again");
            adapters.Save(again);
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(again,
                "adapter_model.safetensors")));
            Assert.Equal(File.ReadAllText(Path.Combine(folder, "adapter_config.json")), File.ReadAllText(Path.Combine(again, "adapter_config.json")));
        }
        finally
        {
            target.Delete(recursive: true);
        }
    }

    // What trains, by its key in the file; stacked biases are one weight with several keys.
    private static Dictionary<string, Weight> Trained(ModelAdapters adapters)
    {
        BuiltAdapter built = adapters.Current!;
        var trained = new Dictionary<string, Weight>();
        foreach (string key in built.Entries.Select(entry => entry.Key))
        {
            if (Of(built, key) is { IsTrainable: true } weight) trained.Add(key, weight);
        }
        foreach (Weight weight in built.Weights.Where(weight => weight.IsTrainable && !trained.ContainsValue(weight))) trained.Add(weight.Name, weight);
        return trained;
    }

    private static string NameOf(string key)
    {
        string name = key.StartsWith(ParameterSource.Prefix, StringComparison.Ordinal) ? key[ParameterSource.Prefix.Length..]
            : key.StartsWith("base_model.", StringComparison.Ordinal) ? key["base_model.".Length..] : key;
        return name.Replace(".base_layer", "").Replace(".ln_tuning_layers", "");
    }

    private static Weight? Of(BuiltAdapter built, string key)
    {
        string name = key.StartsWith(ParameterSource.Prefix, StringComparison.Ordinal) ? key[ParameterSource.Prefix.Length..] : key;
        if (built.Weights.Find(name) is { } own) return own;
        name = NameOf(key);
        return built.Wholes.Select(whole => whole.Weight).FirstOrDefault(weight => weight.Parts.Any(part => part.CheckpointName == name));
    }

    // Every tensor that had a gradient is in the file; a network before a prompt is in it as what it makes.
    private static void Written(ModelAdapters adapters, OutputHead model)
    {
        BuiltAdapter built = adapters.Current!;
        Weight[] written = [.. built.Entries.Select(entry => Of(built, entry.Key)).OfType<Weight>()];
        foreach (Weight weight in model.Weights.Where(weight => weight.Value.grad is not null))
            Assert.True(written.Contains(weight) || (built.Prompt is not null && weight.Name.StartsWith("prompt_encoder.", StringComparison.Ordinal)),
                weight.Name);
    }

    // Merged on one side of a shared matrix, a model is saved with both.
    private static void SavedEquals(AdapterCase own, OutputHead model, Tensor expected)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("merged");
        try
        {
            model.Save(folder.FullName);
            using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder.FullName, "config.json")));
            Assert.False(config.RootElement.GetProperty("tie_word_embeddings").GetBoolean());
            using OutputHead saved = OutputHead.Load(folder.FullName, HeadKind.CausalLanguage);
            Assert.False(saved.IsTied);
            Assert.InRange(AdapterCase.Apart(own.Run(saved, 0).Logits, expected), 0, 1e-5);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool Same(Tensor left, Tensor right) => left.eq(right).all().item<bool>();

    private static Tensor? GradientOf(ModelAdapters adapters, string key)
    {
        Weight? weight = Of(adapters.Current!, key);
        if (weight?.Value.grad is not { } gradient) return null;
        string name = NameOf(key);
        return weight.Parts.FirstOrDefault(part => part.CheckpointName == name) is { } part ? part.Of(gradient) : gradient;
    }
}
