namespace FineTuning.Heads;

/// <summary>Copies what lies in a checkpoint folder beside its weights: templates, modules of sentence encoders, cards.</summary>
internal static class FolderCopy
{
    private static readonly string[] WeightEndings = [".safetensors", ".bin", ".index.json", ".pt", ".onnx", ".h5", ".msgpack", ".gguf"];

    // The tokenizer saves what it has read: an entry of such a name that it did not read is not the model's.
    private static readonly string[] TokenizerNames =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model",
        "sentencepiece.bpe.model", "tokenizer.model", "spm.model", "chat_template.jinja", "additional_chat_templates",
    ];

    public static void WithoutWeights(string folder, string target)
    {
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            // A link may lead anywhere, and what begins with a dot is a repository's own.
            if (entry.LinkTarget is not null || entry.Name.StartsWith('.') || TokenizerNames.Contains(entry.Name)) continue;
            string copy = Path.Combine(target, entry.Name);
            if (entry is DirectoryInfo inner)
            {
                Directory.CreateDirectory(copy);
                CopyAll(inner, copy);
            }
            else if (!Array.Exists(WeightEndings, ending => entry.Name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)))
            {
                File.Copy(entry.FullName, copy);
            }
        }
    }

    // The weights of inner folders are those of modules, which know nothing of the vocabulary.
    private static void CopyAll(DirectoryInfo folder, string target)
    {
        foreach (FileInfo file in folder.EnumerateFiles().Where(file => file.LinkTarget is null)) file.CopyTo(Path.Combine(target, file.Name));
    }
}
