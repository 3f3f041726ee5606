using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Folders with a SentencePiece model and no tokenizer.json, converted class by class as the reference does.</summary>
internal static class SentencePieceFolder
{
    private static readonly string[] Names = ["spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "spm.model"];

    /// <summary>The model's file. Null: the folder has none.</summary>
    public static string? Find(TokenizerFiles files) => Array.Find(Names, files.Source.Has);

    public static TokenizerParts Read(TokenizerFiles files, TokenizerClass kind, string name)
    {
        string path = files.PathOf(name);
        SentencePieceFile model = SentencePieceFile.Parse(files.Source.Contents(name), path);
        bool bytePairs = kind.Name is "Llama" or "Gemma";
        if (!bytePairs && kind.Name is not ("T5" or "Albert" or "XLMRoberta" or "Camembert" or "DebertaV2"))
        {
            throw new CheckpointException(path, $"a SentencePiece model of the class '{kind.Name}' is not supported without a tokenizer.json beside it");
        }
        if (bytePairs == model.IsUnigram)
            throw new CheckpointException(path, $"it holds {(model.IsUnigram ? "unigrams" : "byte pairs")}, "
                + $"which a tokenizer of the class '{kind.Name}' does not have");
        Dictionary<string, string> roles = SpecialTokens.Roles(files, kind);
        List<(string Text, double Score)> pieces = Pieces(model, kind, roles, files.Config);
        var nodes = new PipelineNodes(Normalizer(model, kind, files.Config), null, null, null,
            new JsonObject { ["unk_id"] = pieces.FindIndex(piece => piece.Text == roles.GetValueOrDefault("unk_token")) });
        nodes = bytePairs ? BytePairs(nodes, kind, files.Config) : ClassPipelines.InForce(kind, nodes, files.Config, roles);
        if (kind.Name == "DebertaV2") nodes = Deberta(nodes, files.Config);
        WordModel Build(JsonObject node, bool spells) => bytePairs
            ? new BytePairModel(Ids(pieces), SentencePieceMerges.Of(pieces),
                new BytePairSettings { ByteFallback = true, FuseUnknown = true, Unknown = model.UnknownPiece }, path)
            : new UnigramModel(pieces, node.Whole("unk_id") ?? -1, byteFallback: false, path);
        TokenizerParts parts = FastFile.Assemble(nodes, kind, roles, vocabulary => Added(files, kind, model, vocabulary, roles), path, Build);
        return kind.Name switch
        {
            "T5" => parts with { Template = Templates.Ending(parts.RoleId("eos_token", path)) },
            "Llama" or "Gemma" => parts with
            {
                Template = Templates.Around(
                    files.Config.Flag("add_bos_token") ?? true ? parts.RoleId("bos_token", path) : null,
                    files.Config.Flag("add_eos_token") ?? false ? parts.RoleId("eos_token", path) : null),
            },
            _ => parts,
        };
    }

    // XLM-R and CamemBERT keep the order of fairseq's dictionary in front; T5 has its sentinels behind, the last one first.
    private static List<(string Text, double Score)> Pieces(SentencePieceFile model, TokenizerClass kind, Dictionary<string, string> roles, JsonObject config)
    {
        List<(string Text, double Score)> stored = [.. model.Pieces.Select(piece => (piece.Text, piece.Score))];
        string Role(string name) => roles[name];
        switch (kind.Name)
        {
            case "XLMRoberta":
                return [(Role("bos_token"), 0), (Role("pad_token"), 0), (Role("eos_token"), 0), (Role("unk_token"), 0),
                    .. stored.Skip(3), (Role("mask_token"), 0)];
            case "Camembert":
                return [("<s>NOTUSED", 0), (Role("pad_token"), 0), ("</s>NOTUSED", 0), (Role("unk_token"), 0), ("<unk>NOTUSED", -100),
                    .. stored.Skip(1), (Role("mask_token"), 0)];
            case "T5":
                int sentinels = config.Whole("extra_ids") ?? 100;
                for (int i = sentinels - 1; i >= 0; i--) stored.Add(($"<extra_id_{i}>", 0));
                return stored;
            default:
                return stored;
        }
    }

    private static JsonObject? Normalizer(SentencePieceFile model, TokenizerClass kind, JsonObject config)
    {
        JsonObject? charsmap = model.Charsmap.Length == 0 ? null
            : new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = Convert.ToBase64String(model.Charsmap) };
        if (kind.Name != "DebertaV2") return charsmap;
        // White space goes before the character map makes spaces of other characters: what the map leaves at the edges stays.
        var steps = new List<JsonNode>();
        if (config.Flag("do_lower_case") ?? false) steps.Add(ClassPipelines.Of("Lowercase"));
        steps.Add(ClassPipelines.Node("""{"type":"Strip","strip_left":true,"strip_right":true}"""));
        if (charsmap is not null) steps.Add(charsmap);
        steps.Add(ClassPipelines.Replace(" {2,}", " ", regex: true));
        return ClassPipelines.Sequence("normalizers", steps);
    }

    private static PipelineNodes Deberta(PipelineNodes nodes, JsonObject config)
    {
        var steps = new List<JsonNode>();
        if (config.Flag("split_by_punct") ?? false) steps.Add(ClassPipelines.Node("""{"type":"Punctuation","behavior":"Isolated"}"""));
        steps.Add(ClassPipelines.Metaspace("always"));
        return nodes with { PreTokenizer = ClassPipelines.Sequence("pretokenizers", steps), Decoder = ClassPipelines.Metaspace("always") };
    }

    // The older way marks every text that is tokenized, also behind a special token; the newer one only what begins the input.
    private static PipelineNodes BytePairs(PipelineNodes nodes, TokenizerClass kind, JsonObject config)
    {
        bool prefix = kind.Name == "Llama" && (config.Flag("add_prefix_space") ?? true);
        nodes = nodes with { Normalizer = null, Decoder = ClassPipelines.FallbackDecoder(prefix) };
        JsonObject marks = ClassPipelines.Replace(" ", "\u2581");
        if (kind.Name == "Gemma") return nodes with { Normalizer = marks };
        if (!(config.Flag("legacy") ?? false)) return nodes with { PreTokenizer = ClassPipelines.Metaspace(prefix ? "first" : "never", split: false) };
        return nodes with { Normalizer = prefix ? ClassPipelines.Sequence(
            "normalizers", ClassPipelines.Node("""{"type":"Prepend","prepend":"\u2581"}"""), marks) : marks };
    }

    private static Dictionary<string, int> Ids(List<(string Text, double Score)> pieces)
    {
        var ids = new Dictionary<string, int>(pieces.Count, StringComparer.Ordinal);
        for (int id = 0; id < pieces.Count; id++) ids[pieces[id].Text] = id;
        return ids;
    }

    // Control pieces are special tokens, user-defined ones are found in the text but ordinary; what is not in the vocabulary is put behind it.
    private static List<AddedToken> Added(TokenizerFiles files, TokenizerClass kind, SentencePieceFile model,
        IReadOnlyDictionary<string, int> vocabulary, Dictionary<string, string> roles)
    {
        if (SpecialTokens.Configured(files) is { } configured) return configured;
        List<AddedToken> tokens = SpecialTokens.Loose(files, roles, vocabulary);
        int next = Math.Max(vocabulary.Values.Max(), tokens.Select(token => token.Id).DefaultIfEmpty(-1).Max()) + 1;
        void Add(string content, bool special)
        {
            if (content.Length == 0 || tokens.Exists(token => token.Content == content)) return;
            tokens.Add(new AddedToken(content, vocabulary.TryGetValue(content, out int id) ? id : next++) { Special = special });
        }
        foreach ((string text, _, PieceKind type) in model.Pieces)
        {
            if (type is PieceKind.Control or PieceKind.UserDefined) Add(text, type == PieceKind.Control);
        }
        // DeBERTa looks for its unknown token in the normalized text.
        string? unknown = kind.Name == "DebertaV2" ? roles.GetValueOrDefault("unk_token") : null;
        if (unknown is not null) tokens = tokens.ConvertAll(token => token.Content == unknown ? token with { Normalized = true } : token);
        if (kind.Name == "T5") for (int i = 0; i < (files.Config.Whole("extra_ids") ?? 100); i++) Add($"<extra_id_{i}>", special: true);
        return tokens;
    }
}
