using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Tensors;

/// <summary>
/// Copies what belongs to a checkpoint beside configuration, weights and tokenizer: descriptions of sentence encoders and their modules, cards. Nothing
/// else.
/// </summary>
internal static class FolderCopy
{
    private const long LargestList = 1L << 20;

    private static readonly string[] Names =
    [
        "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "modules.json", "sentence_bert_config.json",
        "config_sentence_transformers.json", "generation_config.json", "question_answering.json", "few_shot_head.json", "few_shot_head.safetensors",
    ];

    // The weights of inner folders are those of modules, which know nothing of the vocabulary.
    private static readonly string[] ModuleNames = ["config.json", "model.safetensors", "pytorch_model.bin"];

    /// <summary>Empties a folder that is being filled, where what was read for it was not of one folder.</summary>
    public static void Clear(string fresh)
    {
        foreach (string entry in Directory.EnumerateDirectories(fresh)) Directory.Delete(entry, recursive: true);
        foreach (string entry in Directory.EnumerateFiles(fresh)) File.Delete(entry);
    }

    /// <exception cref="CheckpointException">A file is a link that leads out of the folder.</exception>
    public static void WithoutWeights(string folder, string target)
    {
        foreach (string name in Names) Copy(folder, name, target);
        foreach (string module in Modules(folder))
        {
            Directory.CreateDirectory(Path.Combine(target, module));
            foreach (string name in ModuleNames) Copy(folder, Path.Combine(module, name), target);
        }
    }

    private static IEnumerable<string> Modules(string folder)
    {
        string path = Path.Combine(folder, "modules.json");
        if (!File.Exists(path) || StrictJson.Node(path, InputFile.Bytes(path, LargestList)) is not JsonArray list) yield break;
        foreach (JsonNode? entry in list)
        {
            if (entry is not JsonObject module || module["path"] is not JsonValue value || !value.TryGetValue(out string? name) || name.Length == 0) continue;
            if (name is "." or ".." || name.AsSpan().IndexOfAny("/\\:\0") >= 0)
            {
                throw new CheckpointException(path, "it names a path that is not a plain folder name");
            }
            if (Directory.Exists(Path.Combine(folder, name))) yield return name;
        }
    }

    private static void Copy(string folder, string name, string target)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path)) return;
        FolderLinks.RequireInside(folder, path);
        using FileStream from = InputFile.Open(path), to = new(Path.Combine(target, name), FileMode.CreateNew, FileAccess.Write, FileShare.None);
        from.CopyTo(to);
    }
}
