using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>The head of a few-shot classifier in the encoder's folder: labels in one file, numbers in the other, nothing that executes.</summary>
internal static class HeadFile
{
    private const string Names = "few_shot_head.json";
    private const string Numbers = "few_shot_head.safetensors";

    public static void Write(string folder, LogisticRegression head, IReadOnlyList<string> labels)
    {
        SentenceFiles.WriteJson(Path.Combine(folder, Names), new JsonObject
            { ["dimension"] = head.Dimension, ["id2label"] = new JsonObject(labels.Select((name, id) => KeyValuePair.Create($"{id}", (JsonNode?)name))) });
        using var scope = NewDisposeScope();
        Tensor parameters = tensor(head.Parameters).reshape(-1, head.Dimension + 1).to(ScalarType.Float32);
        SafetensorsWriter.Write(Path.Combine(folder, Numbers),
            [("bias", parameters.narrow(1, head.Dimension, 1).squeeze(1).contiguous()), ("weight", parameters.narrow(1, 0, head.Dimension).contiguous())]);
    }

    /// <summary>The head and its labels; null where the folder has none.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or does not fit the encoder.</exception>
    public static (LogisticRegression Head, IReadOnlyDictionary<int, string> Labels)? Read(string folder, int dimension)
    {
        if (SentenceFiles.ReadObject(Path.Combine(folder, Names)) is not { } config) return null;
        IReadOnlyDictionary<int, string> labels = config.Labels();
        int found = config.Count("dimension"), classes = labels.Count;
        if (found != dimension) throw config.Fault($"'dimension' is {found}, but the encoder's vectors have {dimension} numbers");
        if (classes < 2 || labels.Keys.Max() != classes - 1) throw config.Fault("'id2label' does not name two or more labels from 0 on");
        string path = Path.Combine(folder, Numbers);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using var scope = NewDisposeScope();
        long outputs = classes == 2 ? 1 : classes;
        Tensor joined = cat([Part(file, path, "weight", outputs, dimension), Part(file, path, "bias", outputs).unsqueeze(1)], 1);
        return (LogisticRegression.Of(joined.to(ScalarType.Float64).data<double>().ToArray(), dimension, classes), labels);
    }

    private static Tensor Part(SafetensorsFile file, string path, string name, params long[] shape)
    {
        if (!file.Tensors.TryGetValue(name, out StoredTensor? entry) || !entry.Shape.SequenceEqual(shape))
            throw new CheckpointException(path, $"a tensor '{name}' of shape [{string.Join(", ", shape)}] was expected");
        return file.ReadWeight(name);
    }
}
