using System.Text.Json;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Tests.Generation;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The scores of the first token that is generated, also behind padding, of every family that has goldens of generation: these models have other sizes than those of GoldenModelTests.</summary>
public sealed class GenerationLogitsTests
{
    public static TheoryData<string> Families() => GoldenModel.Families();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public void The_first_scores_equal_the_reference(string family)
    {
        string folder = GenerationGoldens.Require(family);
        if (!ModelFamilies.Supports(folder) || !File.Exists(Path.Combine(folder, "golden.safetensors"))) Assert.Skip($"{family}: no supported model with goldens");
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        ConfigFile config = ConfigFile.Read(folder);
        bool translates = config.Flag("is_encoder_decoder", false);
        using OutputHead model = OutputHead.Load(folder, translates ? HeadKind.SequenceToSequence : HeadKind.CausalLanguage);
        Assert.Empty(model.LoadReport.Fresh);
        Assert.Empty(model.LoadReport.Ignored);
        int compared = 0;
        foreach (JsonElement test in GenerationGoldens.Lines(Path.Combine(folder, "cases.jsonl")))
        {
            string name = test.GetProperty("name").GetString()!;
            if (test.GetProperty("kind").GetString() != "greedy" || !golden.Tensors.ContainsKey(name + ".logits")) continue;
            if (test.GetProperty("args").TryGetProperty("decoder_input_ids", out _) || test.GetProperty("input_ids").ValueKind == JsonValueKind.Null) continue;
            Tensor ids = stack([.. GenerationGoldens.Rows(test.GetProperty("input_ids")).Select(row => tensor(row.Select(id => (long)id).ToArray()))]);
            Tensor? mask = GenerationGoldens.Mask(test) is { } flags ? stack([.. flags.Select(row => tensor(row))]) : null;
            var text = new TrunkInput(ids, null, mask);
            TrunkInput input = !translates ? text : new(full([ids.shape[0], 1], Held(model.Trunk.Plan.DecoderStartTokenId!.Value), ScalarType.Int64)) { Source = text };
            Tensor found = model.Logits(input, ForwardContext.Evaluation()).select(1, -1), expected = golden.Read(name + ".logits")[0];
            double apart = (found - expected).abs().max().item<float>();
            Assert.True(apart <= 2e-4, $"{name}: {apart} apart");
            compared++;
        }
        Assert.True(compared > 0);
    }
}
