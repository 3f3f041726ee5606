using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Folders without tokenizer.json: vocab.txt, or vocab.json with merges.txt, put together as the reference converts them.</summary>
internal static class SlowFiles
{
    public static TokenizerParts Read(TokenizerFiles files, TokenizerClass kind)
    {
        if (File.Exists(files.PathOf("vocab.txt"))) return WordPiece(files, kind.Name.Length > 0 ? kind : TokenizerClass.Of(files with { Config = new JsonObject { ["tokenizer_class"] = "BertTokenizer" } }));
        if (File.Exists(files.PathOf("vocab.json")) && File.Exists(files.PathOf("merges.txt"))) return BytePairs(files, kind);
        if (SentencePieceFolder.Find(files) is { } model) return SentencePieceFolder.Read(files, kind, model);
        throw new CheckpointException(files.Folder, "it holds no tokenizer; tokenizer.json, vocab.txt, vocab.json with merges.txt, or a SentencePiece model was expected");
    }

    private static TokenizerParts WordPiece(TokenizerFiles files, TokenizerClass kind)
    {
        var vocabulary = new JsonObject();
        int line = 0;
        foreach (string token in File.ReadLines(files.PathOf("vocab.txt"))) vocabulary[token.TrimEnd()] = line++;
        return Assemble(files, kind, new JsonObject { ["type"] = "WordPiece", ["vocab"] = vocabulary });
    }

    private static TokenizerParts BytePairs(TokenizerFiles files, TokenizerClass kind)
    {
        if (kind.Name is not ("GPT2" or "Roberta" or "Qwen2" or "GPTNeoX")) throw new CheckpointException(files.Folder, $"its tokenizer has no tokenizer.json, and its class '{kind.Name}' is not supported without one");
        var merges = new JsonArray();
        foreach (string line in File.ReadLines(files.PathOf("merges.txt")))
        {
            if (line.StartsWith("#version", StringComparison.Ordinal) || line.Split(' ') is not { Length: 2 } sides) continue;
            merges.Add(new JsonArray(sides[0], sides[1]));
        }
        return Assemble(files, kind, new JsonObject { ["type"] = "BPE", ["vocab"] = JsonFile.TryRead(files.Folder, "vocab.json"), ["merges"] = merges });
    }

    private static TokenizerParts Assemble(TokenizerFiles files, TokenizerClass kind, JsonObject model)
    {
        Dictionary<string, string> roles = SpecialTokens.Roles(files, kind);
        var nodes = new PipelineNodes(null, kind.Name == "GPT2" ? ClassPipelines.ByteLevel(files.Config) : null, null, kind.Name == "GPT2" ? ClassPipelines.Of("ByteLevel") : null, model);
        nodes = ClassPipelines.InForce(kind, nodes, files.Config, roles);
        TokenizerParts parts = FastFile.Assemble(nodes, kind, roles, vocabulary => SpecialTokens.Configured(files) ?? SpecialTokens.Loose(files, roles, vocabulary), files.Folder);
        if (kind.Name != "Roberta") return parts;
        // The mask stands for a word with the space before it.
        AddedToken[] added = [.. parts.AddedTokens.Select(token => token.Content == roles.GetValueOrDefault("mask_token") && SpecialTokens.Configured(files) is null ? token with { StripLeft = true } : token)];
        return parts with { AddedTokens = added, TrimOffsets = (files.Config.Flag("trim_offsets") ?? true, files.Config.Flag("add_prefix_space") ?? false) };
    }
}
