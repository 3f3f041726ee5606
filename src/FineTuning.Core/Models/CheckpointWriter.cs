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

    public static void Write(string folder, ConfigFile config, EncoderFamily family, HeadKind head, WeightSet weights, SavedLabels? labels, Precision stored)
    {
        var configuration = (JsonObject)config.Root.DeepClone();
        configuration["architectures"] = new JsonArray(family.ClassOf(config, head));
        configuration.Remove("torch_dtype");
        bool halves = stored == Precision.BFloat16;
        // What is infinite in the file could not be loaded again.
        FiniteWeights.Require(weights, folder);
        string type = halves ? "bfloat16" : "float32";
        configuration["dtype"] = type;
        // The 4.x line reads only this key; the 5.x line reads either.
        configuration["torch_dtype"] = type;
        if (head == HeadKind.MaskedLanguage) configuration["tie_word_embeddings"] = weights.Find("head.output.weight") is null;
        if (labels is not null)
        {
            configuration["id2label"] = new JsonObject(labels.Names.Select((name, id) => KeyValuePair.Create(id.ToString(CultureInfo.InvariantCulture), (JsonNode?)name)));
            configuration["label2id"] = new JsonObject(labels.Names.Select((name, id) => KeyValuePair.Create(name, (JsonNode?)id)));
            configuration["num_labels"] = null;
            configuration.Remove("num_labels");
            if (labels.ProblemType is not null) configuration["problem_type"] = labels.ProblemType;
        }
        File.WriteAllText(Path.Combine(folder, "config.json"), configuration.ToJsonString(Indented) + "\n");

        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var tensors = new List<(string Name, Tensor Value)>();
        foreach (Weight weight in weights)
        {
            foreach (WeightPart part in weight.Parts)
            {
                Tensor value = weight.Value.dim() == 0 ? weight.Value : weight.Value.narrow(0, part.Start, part.Length);
                if (halves) value = value.to(ScalarType.BFloat16);
                tensors.Add((part.CheckpointName, part.Transposed ? value.t() : value));
            }
        }
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)], FormatMark);
    }

    private static string ClassOf(this EncoderFamily family, ConfigFile config, HeadKind head)
    {
        string stem = config.Text("model_type") switch
        {
            "xlm-roberta" => "XLMRoberta",
            "camembert" => "Camembert",
            _ => family.ClassStem,
        };
        return head switch
        {
            HeadKind.None => stem + "Model",
            HeadKind.SequenceClassification => stem + "ForSequenceClassification",
            HeadKind.TokenClassification => stem + "ForTokenClassification",
            HeadKind.QuestionAnswering => stem + "ForQuestionAnswering",
            _ => stem + "ForMaskedLM",
        };
    }
}
