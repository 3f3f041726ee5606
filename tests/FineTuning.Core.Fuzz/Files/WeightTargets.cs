using System.Text;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>Files of weights, and indices of several: each tensor that is named is read.</summary>
internal sealed class WeightTarget(string name) : FileTarget(name)
{
    private static readonly float[] Values = [1, 2, 3, 4, 5, 6];

    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds() => Name switch
    {
        "safetensors" => [FilesOf(Safetensors("model.safetensors")), [("model.safetensors", File.ReadAllBytes(Path.Combine(TinyCheckpoint.Make(), "model.safetensors")))]],
        "pickle" => [[("pytorch_model.bin", TorchFile.Write([("a", Values, [2, 3]), ("b", [7], [])]))], [("pytorch_model.bin", TorchFile.Write([("c.weight", Values, [6]), ("d", [], [0, 3])]))]],
        _ => [Sharded()],
    };

    private protected override bool Mutable(string file) => Name != "index" || file.EndsWith(".json", StringComparison.Ordinal);

    private protected override void Read(string folder)
    {
        FineTuningRuntime.Load();
        using var scope = NewDisposeScope();
        using ITensorSource source = CheckpointFiles.Open(folder);
        foreach (string tensor in source.Tensors.Keys) source.Read(tensor).Dispose();
    }

    private static string Safetensors(string file)
    {
        string folder = Directory.CreateTempSubdirectory("seed").FullName;
        // Nothing of the library may have run yet in this process.
        FineTuningRuntime.Load();
        using var scope = NewDisposeScope();
        (string, Tensor)[] tensors = [("a", tensor(Values).reshape(2, 3)), ("b", tensor(Values).to(ScalarType.BFloat16)), ("c", tensor(new long[] { 1 })), ("d", empty(0, 3))];
        SafetensorsWriter.Write(Path.Combine(folder, file), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        return folder;
    }

    private static List<(string Name, byte[] Contents)> Sharded()
    {
        List<(string Name, byte[] Contents)> files = [.. FilesOf(Safetensors("model-1.safetensors")), .. FilesOf(Safetensors("model-2.safetensors"))];
        files.Add(("model.safetensors.index.json", Encoding.UTF8.GetBytes(
            """{"metadata":{"total_size":100},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors","c":"model-2.safetensors","d":"model-1.safetensors"}}""")));
        return files;
    }
}

/// <summary>A checkpoint folder of which the configuration, or any file, is changed: what loads must predict.</summary>
internal sealed class CheckpointTarget(string name) : FileTarget(name)
{
    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds() => [FilesOf(TinyCheckpoint.Make(1)), FilesOf(TinyCheckpoint.Make(2))];

    private protected override bool Mutable(string file) => Name != "config" || file == "config.json";

    private protected override void Read(string folder)
    {
        if (Name == "config")
        {
            FineTuningRuntime.Load();
            using var scope = NewDisposeScope();
            using OutputHead model = OutputHead.Load(folder, HeadKind.SequenceClassification, 2);
            int tokens = Math.Min(4, model.Trunk.Plan.MaximumTokens ?? 4);
            if (tokens > 0) model.Logits(new(zeros([1, tokens], ScalarType.Int64), null, null), ForwardContext.Evaluation());
            return;
        }
        using Heads.TextClassifier<string> classifier = Pretrained.TextClassifier<string>(folder);
        classifier.Predict("a b c");
    }
}

/// <summary>A folder of sentence-transformers.</summary>
internal sealed class ModulesTarget() : FileTarget("modules")
{
    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds()
    {
        string plain = TinyCheckpoint.Make(0, HeadKind.None), folder = Path.Combine(Directory.CreateTempSubdirectory("seed").FullName, "model");
        using (Heads.SentenceEncoder encoder = Pretrained.SentenceEncoder(plain)) encoder.Save(folder);
        List<(string Name, byte[] Contents)> files = FilesOf(folder);
        yield return [.. files];
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(Path.Combine(folder, "2_Dense"));
        SafetensorsWriter.Write(Path.Combine(folder, "2_Dense", "model.safetensors"), [("linear.weight", ones(3, 8)), ("linear.bias", zeros(3))]);
        File.WriteAllText(Path.Combine(folder, "2_Dense", "config.json"), """{"in_features":8,"out_features":3,"bias":true,"activation_function":"torch.nn.modules.activation.Tanh"}""");
        File.WriteAllText(Path.Combine(folder, "modules.json"), """
            [{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
             {"idx":2,"name":"2","path":"2_Dense","type":"sentence_transformers.models.Dense"},{"idx":3,"name":"3","path":"","type":"sentence_transformers.models.Normalize"}]
            """);
        yield return FilesOf(folder);
    }

    // Weights and tokenizer have targets of their own.
    private protected override bool Mutable(string file) => file.EndsWith(".json", StringComparison.Ordinal) && !file.StartsWith("tokenizer", StringComparison.Ordinal);

    private protected override void Read(string folder)
    {
        using Heads.SentenceEncoder encoder = Pretrained.SentenceEncoder(folder);
        encoder.Encode("a b c");
    }
}
