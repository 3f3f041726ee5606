using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The text model inside a multimodal checkpoint opens as a language model.</summary>
public sealed class TextTowerTests
{
    [Theory]
    [InlineData("language_model.model.", "vision_tower.", "language_model.lm_head.")]
    [InlineData("model.language_model.", "model.vision_tower.", "lm_head.")]
    public void The_text_model_computes_what_it_does_alone_and_the_rest_is_listed(string prefix, string tower, string output)
    {
        string original = Goldens.Require("models", "gemma3_text", "clm"), folder = Directory.CreateTempSubdirectory().FullName, saved = Directory.CreateTempSubdirectory().FullName;
        try
        {
            using var scope = NewDisposeScope();
            using var gradients = no_grad();
            string[] left = [tower + "embeddings.weight", tower + "layers.0.self_attn.q_proj.weight"];
            using (ITensorSource source = CheckpointFiles.Open(original))
            {
                IEnumerable<(string, Tensor)> text = source.Tensors.Keys.Select(name => (name.Replace("lm_head.", output, StringComparison.Ordinal).Replace("model.", prefix, StringComparison.Ordinal), source.Read(name).to(ScalarType.Float32)));
                SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. text.Concat(left.Select(name => (name, ones(2, 3)))).OrderBy(pair => pair.Item1, StringComparer.Ordinal)]);
            }
            JsonObject own = JsonNode.Parse(File.ReadAllText(Path.Combine(original, "config.json")))!.AsObject();
            own.Remove("architectures");
            own.Remove("dtype");
            var whole = new JsonObject
            {
                ["architectures"] = new JsonArray("Gemma3ForConditionalGeneration"), ["model_type"] = "gemma3", ["dtype"] = "float32", ["text_config"] = own,
                ["vision_config"] = new JsonObject { ["model_type"] = "siglip_vision_model" },
            };
            File.WriteAllText(Path.Combine(folder, "config.json"), whole.ToJsonString());

            using OutputHead model = OutputHead.Load(folder, HeadKind.CausalLanguage);
            Assert.Equal(left, model.LoadReport.Ignored);
            Assert.Empty(model.LoadReport.Fresh);
            using var golden = SafetensorsFile.Open(Path.Combine(original, "golden.safetensors"));
            Tensor mask = golden.Read("inputs.attention_mask").to(ScalarType.Bool), expected = golden.Read("outputs.logits");
            Tensor found = model.Logits(new(golden.Read("inputs.input_ids"), null, mask), ForwardContext.Evaluation());
            Assert.True(((found - expected) * mask.unsqueeze(2)).abs().max().item<float>() <= 1e-4 * Math.Max(1, expected.abs().max().item<float>()));

            // What is saved is the text model alone.
            model.Save(saved);
            JsonNode written = JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "config.json")))!;
            Assert.Equal(("gemma3_text", "Gemma3ForCausalLM"), ((string?)written["model_type"], (string?)written["architectures"]![0]));
            using OutputHead again = OutputHead.Load(saved, HeadKind.CausalLanguage);
            Assert.Empty(again.LoadReport.Ignored);
            Assert.True(again.Logits(new(golden.Read("inputs.input_ids"), null, mask), ForwardContext.Evaluation()).eq(found).all().item<bool>());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            Directory.Delete(saved, recursive: true);
        }
    }
}
