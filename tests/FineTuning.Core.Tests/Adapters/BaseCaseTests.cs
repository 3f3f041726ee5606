using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Cases of goldens/peft of another form: biases alone, a base in bfloat16, and PiSSA that became plain LoRA.</summary>
public sealed class BaseCaseTests
{
    public static TheoryData<string> Biases()
    {
        var cases = new TheoryData<string>();
        if (Goldens.Folder("peft") is not { } root) return cases;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (!Directory.Exists(Path.Combine(folder, "adapter")) && File.Exists(Path.Combine(folder, "golden.json"))
                && AdapterCase.Expects(folder).TryGetProperty("trainable", out _)) cases.Add(Path.GetFileName(folder));
        }
        return cases;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Biases))]
    public void Biases_alone_learn_as_in_the_reference(string name)
    {
        using AdapterCase own = AdapterCase.Of(name);
        using var outer = NewDisposeScope();
        using OutputHead model = own.Load();
        using var adapters = new ModelAdapters(model);
        adapters.Add(Adapter.AllBiases());
        (Weight Weight, WeightPart Part)[] parts = [.. adapters.Current!.Wholes.SelectMany(whole => whole.Weight.Parts.Select(part => (whole.Weight, part)))];
        Assert.Equal(own.Trainable.Order(StringComparer.Ordinal), parts.Select(part => part.Part.CheckpointName).Order(StringComparer.Ordinal));
        Assert.Equal(own.Expected.GetProperty("trainable_parameters").GetInt64(), model.Weights.ParameterCount(trainableOnly: true));
        using (no_grad())
        {
            foreach ((Weight weight, WeightPart part) in parts)
                weight.Value.narrow(0, part.Start, part.Length).copy_(part.Layout.FromFile(own.Read("start." + part.CheckpointName)));
        }
        (Tensor logits, Tensor loss) = own.Run(model, 0);
        Assert.InRange(AdapterCase.Apart(logits, own.Read("logits.adapter")), 0, 1e-4);
        loss.backward();
        foreach ((Weight weight, WeightPart part) in parts)
        {
            Tensor expected = own.Read("grad." + part.CheckpointName);
            if (expected.abs().max().item<float>() > 1e-6)
                Assert.True(AdapterCase.Apart(part.Of(weight.Value.grad!), expected) < 1e-4, part.CheckpointName);
        }
        foreach (Weight weight in parts.Select(part => part.Weight)) weight.Value.grad = null;

        JsonElement train = own.Expected.GetProperty("train"), group = train.GetProperty("groups")[0];
        var optimizer = new PlainAdamW([.. parts.Select(part => part.Weight.Value).Distinct()], group.GetProperty("lr").GetDouble(),
            group.GetProperty("weight_decay").GetDouble());
        double[] losses = [.. train.GetProperty("loss").EnumerateArray().Select(value => value.GetDouble())];
        for (int step = 0; step < losses.Length; step++)
        {
            using var scope = NewDisposeScope();
            Tensor own1 = own.Run(model, step % 4).Loss;
            Assert.InRange(Math.Abs(own1.item<float>() - losses[step]), 0, 1e-4 * Math.Abs(losses[step]));
            own1.backward();
            optimizer.Step();
        }
        HashSet<string> noise = [.. train.GetProperty("noise_dominated").EnumerateArray().Select(key => key.GetString()!)];
        double[] norms = [.. train.GetProperty("final_norms").EnumerateArray().Select(norm => norm.GetDouble())];
        foreach ((Weight weight, WeightPart part) in parts.Where(part => !noise.Contains(part.Part.CheckpointName)))
        {
            string key = part.CheckpointName;
            double norm = norms[own.Trainable.ToList().IndexOf(key)];
            Assert.InRange(Math.Abs(part.Of(weight.Value).norm().item<float>() - norm), 0, 1e-3 * norm);
            if (own.Holds("final." + key)) Assert.True(AdapterCase.Apart(part.Of(weight.Value), own.Read("final." + key)) < 1e-3, key);
        }
    }

    [Fact]
    public void A_base_in_bfloat16_computes_and_is_merged_as_in_the_reference()
    {
        using AdapterCase own = AdapterCase.Open("lora-bfloat16", half: true);
        using var outer = NewDisposeScope();
        using OutputHead model = own.Load();
        using var adapters = new ModelAdapters(model);
        adapters.Load(own.AdapterFolder);
        (Tensor logits, Tensor loss) = own.Run(model, 0, Precision.BFloat16);
        Assert.InRange(AdapterCase.Apart(logits.to(ScalarType.Float32), own.Read("logits.adapter")), 0, 2e-2);
        loss.backward();
        foreach (string key in own.Trainable)
        {
            Tensor found = adapters.Current!.Weights.Find(key[ParameterSource.Prefix.Length..])!.Value.grad!;
            Assert.Equal(ScalarType.Float32, found.dtype);
            Assert.InRange(AdapterCase.Apart(found, own.Read("grad." + key)), 0, 5e-2);
        }
        using var gradients = no_grad();
        foreach ((bool safe, string prefix) in new[] { (false, "merged."), (true, "merged_safe.") })
        {
            adapters.Merge(safe);
            int compared = 0;
            foreach ((Weight weight, WeightPart part) in model.Weights.SelectMany(weight => weight.Parts.Select(part => (weight, part))))
            {
                if (!own.Holds(prefix + part.CheckpointName)) continue;
                Assert.Equal(ScalarType.BFloat16, weight.Own.dtype);
                Assert.True(part.Of(weight.Own).to(ScalarType.Float32).eq(own.Read(prefix + part.CheckpointName)).all().item<bool>(), part.CheckpointName);
                compared++;
            }
            Assert.True(compared > 0);
            if (!safe) Assert.InRange(AdapterCase.Apart(own.Run(model, 0, Precision.BFloat16).Logits.to(ScalarType.Float32), own.Read("logits.merged")),
                0, 2e-2);
            adapters.Unmerge();
        }
    }

    [Fact]
    public void Pissa_becomes_plain_lora_on_the_base_as_it_was()
    {
        string folder = Goldens.Require("peft", "lora-pissa-converted");
        using AdapterCase own = AdapterCase.Of("lora-pissa-converted");
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead model = OutputHead.Load(own.Base, HeadKind.CausalLanguage);
        using var adapters = new ModelAdapters(model);
        adapters.Load(Path.Combine(folder, "adapter"), "theirs");
        Tensor converted = own.Run(model, 0).Logits;
        Assert.InRange(AdapterCase.Apart(converted, own.Read("logits.adapter")), 0, 1e-4);
        adapters.Load(Path.Combine(folder, "trained"), "trained");
        Assert.InRange(AdapterCase.Apart(own.Run(model, 0).Logits, own.Read("logits.trained")), 0, 1e-4);
        adapters.Convert("trained", "plain");
        Assert.InRange(AdapterCase.Apart(own.Run(model, 0).Logits, own.Read("logits.trained")), 0, 1e-4);
        var plain = (LoraAdapter)adapters.Current!.Options;
        adapters.Use("theirs");
        var theirs = (LoraAdapter)adapters.Current!.Options;
        Assert.Equal((theirs.Rank, theirs.Alpha, theirs.Start), (plain.Rank, plain.Alpha, plain.Start));
        foreach ((LoraLinear ours, LoraLinear other) in adapters.Find("plain").Linears.Cast<LoraLinear>().Zip(adapters.Current.Linears.Cast<LoraLinear>()))
            Assert.InRange(AdapterCase.Apart(ours.Delta()!, other.Delta()!), 0, 1e-4);
        Assert.Throws<FineTuning.Errors.InvalidOptionsException>(() => adapters.Convert("plain", "again"));
    }
}
