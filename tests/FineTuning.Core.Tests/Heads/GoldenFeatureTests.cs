using System.Globalization;
using System.Text.Json;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Texts in, hidden states of all their tokens out, against Hugging Face's feature-extraction pipeline.</summary>
public sealed class GoldenFeatureTests
{
    public static TheoryData<string> Folders() => PipelineFolders.With("feature-extraction");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Equals_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead model = OutputHead.Load(folder, HeadKind.None);
        using var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
        foreach (JsonElement test in PipelineFolders.Cases(folder, "feature-extraction"))
        {
            bool cut = test.GetProperty("options").TryGetProperty("truncation", out JsonElement truncation) && truncation.GetBoolean();
            TokenizingOptions? options = cut ? new() { MaximumLength = tokenizer.MaximumLength, Truncation = TruncationStrategy.LongestFirst } : null;
            TokenizedText tokens = tokenizer.Encode(test.GetProperty("inputs").GetString()!, null, options);
            Assert.Equal(test.GetProperty("input_ids").GetString()!.Split(' ').Select(id => int.Parse(id, CultureInfo.InvariantCulture)), tokens.Ids);
            TokenizedRow[] rows = [new(tokens.Ids, model.Trunk.Plan.TypeVocabularySize > 1 ? tokens.TypeIds : null)];
            Tensor found = model.Trunk.Hidden(TokenizedBatch.Stack(rows, tokens.Ids.Length, 0, CPU), ForwardContext.Evaluation()), expected = golden.Read(test.GetProperty("expected_tensor").GetString()!);
            Assert.Equal(expected.shape, found.shape);
            Assert.True((expected - found).abs().max().item<float>() <= 1e-4 * Math.Max(1, expected.abs().max().item<float>()), $"case {test.GetProperty("id")}");
        }
    }
}
