using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Writes weights and configuration as Hugging Face's library reads them.</summary>
internal static class CheckpointWriter
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly Dictionary<string, string> FormatMark = new() { ["format"] = "pt" };

    public static void Write(string folder, OutputHead head, SavedLabels? labels, Precision stored)
    {
        if (head.Weights.HasGuests) throw new InvalidOperationException("an adapter is active: save it alone (SaveAdapter), or merge it first " +
            "(Adapters.Merge), or go back to the base (WithoutAdapter)");
        if (head.Trunk.Quantization is not null) throw new InvalidOperationException("the trunk is quantised: save the adapter alone " +
            "(SaveAdapter); to save a whole model, load the base without quantisation and merge the adapter there");
        var configuration = (JsonObject)head.Trunk.Config.Root.DeepClone();
        configuration["architectures"] = new JsonArray(head.Trunk.Model.ClassOf(head.Kind));
        bool halves = stored == Precision.BFloat16;
        // What is infinite in the file could not be loaded again.
        FiniteWeights.Require(head.Weights, folder);
        string type = halves ? "bfloat16" : "float32";
        configuration["dtype"] = type;
        // The 4.x line reads only this key; the 5.x line reads either.
        configuration["torch_dtype"] = type;
        OutputPlan? output = head.Trunk.Model.Head(head.Kind).Output;
        if (output is { IsOverVocabulary: true }) configuration["tie_word_embeddings"] = head.IsTied;
        // Where the key is missing, tying stands for it, which may have changed.
        if (output?.ScaleKey is { } scaleKey) configuration[scaleKey] = output.Scale != 1;
        if (labels is not null)
        {
            configuration["id2label"] = new JsonObject(
                labels.Names.Select((name, id) => KeyValuePair.Create(id.ToString(CultureInfo.InvariantCulture), (JsonNode?)name)));
            configuration["label2id"] = new JsonObject(labels.Names.Select((name, id) => KeyValuePair.Create(name, (JsonNode?)id)));
            configuration["num_labels"] = null;
            configuration.Remove("num_labels");
            if (labels.ProblemType is not null) configuration["problem_type"] = labels.ProblemType;
        }
        File.WriteAllText(Path.Combine(folder, "config.json"), configuration.ToJsonString(Indented) + "\n");

        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var tensors = new List<(string Name, Tensor Value)>();
        bool isBase = head.Kind == HeadKind.None;
        foreach (Weight weight in head.Weights)
        {
            foreach (WeightPart part in weight.Parts)
            {
                Tensor value = part.Of(weight.Value).contiguous();
                tensors.Add((isBase ? part.Name : part.CheckpointName, value.to(halves ? ScalarType.BFloat16 : ScalarType.Float32)));
            }
        }
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)], FormatMark);
    }
}
