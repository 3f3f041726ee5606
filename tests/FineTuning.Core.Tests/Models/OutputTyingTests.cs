using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The masked-language head of every family: saved and opened again alike, its matrix tied or its own as the file says.</summary>
public sealed class OutputTyingTests
{
    private const string Sizes = """ "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 40, "pad_token_id": 0 """;

    public static TheoryData<string, string, string> Families() => new()
    {
        { "bert", "BertForMaskedLM", "" }, { "roberta", "RobertaForMaskedLM", "" }, { "xlm-roberta", "XLMRobertaForMaskedLM", "" }, { "camembert", "CamembertForMaskedLM", "" },
        { "distilbert", "DistilBertForMaskedLM", ", \"dim\": 16, \"n_layers\": 2, \"n_heads\": 2, \"hidden_dim\": 24" }, { "electra", "ElectraForMaskedLM", ", \"embedding_size\": 8" },
        { "albert", "AlbertForMaskedLM", ", \"embedding_size\": 8" }, { "mpnet", "MPNetForMaskedLM", "" }, { "deberta-v2", "DebertaV2ForMaskedLM", ", \"relative_attention\": true" },
        { "modernbert", "ModernBertForMaskedLM", "" },
    };

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public void A_head_survives_saving_tied_or_with_a_matrix_of_its_own(string family, string className, string more)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            using var scope = NewDisposeScope();
            var input = new TrunkInput(tensor(new long[] { 2, 9, 17, 30, 3 }, [1, 5]), null, null);
            using OutputHead model = OutputHead.Create($"{{ \"model_type\": \"{family}\", {Sizes} {more} }}", HeadKind.MaskedLanguage);
            model.Save(folder);
            JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
            Assert.Equal(className, (string?)config["architectures"]![0]);
            Assert.True((bool)config["tie_word_embeddings"]!);
            using (OutputHead tied = OutputHead.Load(folder, HeadKind.MaskedLanguage))
            {
                Assert.Empty(tied.LoadReport.Fresh);
                Assert.Null(tied.Weights.Find("head.output.weight"));
                Assert.True(tied.Logits(input, ForwardContext.Evaluation()).eq(model.Logits(input, ForwardContext.Evaluation())).all().item<bool>());
            }

            Tensor table = model.Weights.Find("embeddings.token.weight")!.Value.detach();
            Rewrite(folder, model, table.clone());
            using (OutputHead copied = OutputHead.Load(folder, HeadKind.MaskedLanguage)) Assert.Null(copied.Weights.Find("head.output.weight"));
            Rewrite(folder, model, table * Held(2));
            using OutputHead own = OutputHead.Load(folder, HeadKind.MaskedLanguage);
            Assert.NotNull(own.Weights.Find("head.output.weight"));
            Tensor found = own.Logits(input, ForwardContext.Evaluation()), expected = model.Logits(input, ForwardContext.Evaluation());
            Assert.True((found - (expected * Held(2))).abs().max().item<float>() < 1e-4);
            own.Save(folder);
            Assert.False((bool)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!["tie_word_embeddings"]!);
            using OutputHead again = OutputHead.Load(folder, HeadKind.MaskedLanguage);
            Assert.True(again.Logits(input, ForwardContext.Evaluation()).eq(found).all().item<bool>());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The checkpoint with an output matrix under the family's name of it.
    private static void Rewrite(string folder, OutputHead model, Tensor matrix)
    {
        string path = Path.Combine(folder, "model.safetensors");
        FamilyModel family = model.Trunk.Model;
        string name = family.Names.Map("head.output.weight", family.Head(HeadKind.MaskedLanguage).Names).Whole;
        var tensors = new List<(string, Tensor)>();
        foreach (Weight weight in model.Weights)
        {
            foreach (WeightPart part in weight.Parts) tensors.Add((part.CheckpointName, part.Of(weight.Value.detach())));
        }
        SafetensorsWriter.Write(path, [.. tensors, (name, matrix)]);
    }
}
