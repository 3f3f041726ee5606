using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Folders without tokenizer.json: vocab.txt, or vocab.json with merges.txt, put together as the reference converts them.</summary>
internal static class SlowFiles
{
    public static TokenizerParts Read(TokenizerFiles files, TokenizerClass kind)
    {
        if (files.Source.Has("vocab.txt"))
        {
            JsonObject unnamed = new() { ["tokenizer_class"] = "BertTokenizer" };
            return WordPiece(files, kind.Name.Length > 0 ? kind : TokenizerClass.Of(files with { Config = unnamed }));
        }
        if (files.Source.Has("vocab.json") && files.Source.Has("merges.txt")) return BytePairs(files, kind);
        if (SentencePieceFolder.Find(files) is { } model) return SentencePieceFolder.Read(files, kind, model);
        throw new CheckpointException(files.Folder, "it holds no tokenizer; "
            + "tokenizer.json, vocab.txt, vocab.json with merges.txt, or a SentencePiece model was expected");
    }

    private static TokenizerParts WordPiece(TokenizerFiles files, TokenizerClass kind)
    {
        var vocabulary = new JsonObject();
        int index = 0;
        foreach (string token in files.Source.Lines("vocab.txt"))
        {
            if (index >= ModelReader.LargestVocabulary)
                throw new CheckpointException(files.PathOf("vocab.txt"), $"it has more than {ModelReader.LargestVocabulary} lines");
            vocabulary[token.TrimEnd()] = index++;
        }
        if (index == 0) throw new CheckpointException(files.PathOf("vocab.txt"), "it is empty, or no regular file");
        return Assemble(files, kind, new JsonObject { ["type"] = "WordPiece", ["vocab"] = vocabulary });
    }

    private static TokenizerParts BytePairs(TokenizerFiles files, TokenizerClass kind)
    {
        if (kind.Name is not ("GPT2" or "Roberta" or "Qwen2" or "GPTNeoX"))
        {
            throw new CheckpointException(files.Folder, $"its tokenizer has no tokenizer.json, and its class '{kind.Name}' is not supported without one");
        }
        var merges = new JsonArray();
        foreach (string line in files.Source.Lines("merges.txt"))
        {
            if (line.StartsWith("#version", StringComparison.Ordinal) || line.Split(' ') is not { Length: 2 } sides) continue;
            merges.Add(new JsonArray(sides[0], sides[1]));
        }
        return Assemble(files, kind, new JsonObject { ["type"] = "BPE", ["vocab"] = files.Source.TryJson("vocab.json"), ["merges"] = merges });
    }

    private static TokenizerParts Assemble(TokenizerFiles files, TokenizerClass kind, JsonObject model)
    {
        Dictionary<string, string> roles = SpecialTokens.Roles(files, kind);
        bool isGpt2 = kind.Name == "GPT2";
        var nodes = new PipelineNodes(null, isGpt2 ? ClassPipelines.ByteLevel(files.Config) : null, null,
            isGpt2 ? ClassPipelines.Of("ByteLevel") : null, model);
        nodes = ClassPipelines.InForce(kind, nodes, files.Config, roles);
        List<AddedToken>? configured = SpecialTokens.Configured(files);
        TokenizerParts parts = FastFile.Assemble(nodes, kind, roles, vocabulary => configured ?? SpecialTokens.Loose(files, roles, vocabulary), files.Folder);
        if (isGpt2 || kind.Name is "Qwen2" or "GPTNeoX") return WithBeginAndEnd(parts, files);
        if (kind.Name != "Roberta") return parts;
        // The mask stands for a word with the space before it.
        string? mask = configured is null ? roles.GetValueOrDefault("mask_token") : null;
        return parts with
        {
            AddedTokens = [.. parts.AddedTokens.Select(token => token.Content == mask ? token with { StripLeft = true } : token)],
            TrimOffsets = (files.Config.Flag("trim_offsets") ?? true, files.Config.Flag("add_prefix_space") ?? false),
        };
    }

    // The classes of byte-level models put a template in the stead of the byte-level post-processor, so that offsets keep their spaces.
    private static TokenizerParts WithBeginAndEnd(TokenizerParts parts, TokenizerFiles files)
    {
        bool begins = files.Config.Flag("add_bos_token") ?? false, ends = files.Config.Flag("add_eos_token") ?? false;
        if (!begins && !ends) return parts;
        return parts with
        {
            Template = Templates.Around(begins ? parts.RoleId("bos_token", files.Folder) : null, ends ? parts.RoleId("eos_token", files.Folder) : null),
            TrimOffsets = (false, false),
        };
    }
}
