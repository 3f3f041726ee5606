using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>tokenizer.json, version 1.0.</summary>
internal static class FastFile
{
    private static readonly string[] ComponentKeys = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];

    public static TokenizerParts Read(TokenizerFiles files, TokenizerClass kind)
    {
        JsonObject root = files.Fast!;
        string path = files.PathOf("tokenizer.json");
        if (root["version"] is { } version && root.Text("version") != "1.0")
            throw new CheckpointException(path, $"its version is {version.ToJsonString()}; \"1.0\" was expected");
        foreach (string part in ComponentKeys)
        {
            if (root[part] is { } node and not JsonObject)
                throw new CheckpointException(path, $"its '{part}' is {node.ToJsonString()}; an object was expected");
        }
        JsonObject model = root.Object("model") ?? throw new CheckpointException(path, "it has no 'model'");
        Dictionary<string, string> roles = SpecialTokens.Roles(files, kind);
        var stored = new PipelineNodes(root.Object("normalizer"), root.Object("pre_tokenizer"), root.Object("post_processor"), root.Object("decoder"), model);
        TokenizerParts parts = Assemble(ClassPipelines.Set(kind, ClassPipelines.InForce(kind, stored, files.Config, roles), files.Settings), kind, roles,
            vocabulary => Added(files, kind, root, vocabulary, roles), path);
        return Reframed(parts, kind, files.Settings, path);
    }

    // Begin and end tokens that the caller asks for are a template of their own, whatever the file's post-processor was: a template trims no offsets.
    private static TokenizerParts Reframed(TokenizerParts parts, TokenizerClass kind, TokenizerSettings settings, string path)
    {
        if (kind.Name == "T5" && settings.SpecialTokens.ContainsKey("eos_token"))
            return parts with { Template = Templates.Ending(parts.RoleId("eos_token", path)) };
        if (settings.AddBeginToken is null && settings.AddEndToken is null) return parts;
        return parts with
        {
            Template = Templates.Around(
                settings.AddBeginToken == true ? parts.RoleId("bos_token", path) : null, settings.AddEndToken == true ? parts.RoleId("eos_token", path) : null),
            TrimOffsets = (false, false),
        };
    }

    /// <summary>Puts a tokenizer together from its parts in the notation of tokenizer.json.</summary>
    /// <param name="nodes">The parts.</param>
    /// <param name="kind">The class.</param>
    /// <param name="roles">Special tokens by role.</param>
    /// <param name="added">Added tokens, given the model's vocabulary.</param>
    /// <param name="path">The file to name where something is wrong.</param>
    /// <param name="build">Builds the model where it does not stand in the notation.</param>
    public static TokenizerParts Assemble(
        PipelineNodes nodes, TokenizerClass kind, Dictionary<string, string> roles, Func<IReadOnlyDictionary<string, int>, List<AddedToken>> added, string path,
        Func<JsonObject, bool, WordModel>? build = null)
    {
        bool spells = ModelReader.TypeOf(nodes.Model) == "BPE" && Components.EndsInBytes(nodes.PreTokenizer);
        WordModel model = build is null ? ModelReader.Read(nodes.Model, spells, path) : build(nodes.Model, spells);
        var parts = new TokenizerParts
        {
            Normalizer = Components.Normalizer(nodes.Normalizer, path),
            PreTokenizer = Components.PreTokenizer(nodes.PreTokenizer, spells, path),
            Model = model,
            ModelSpells = spells,
            Decoder = Components.Decoder(nodes.Decoder, path),
            AddedTokens = SpecialTokens.WithRoles(added(model.Vocabulary), roles, model.Vocabulary),
            Roles = roles,
        };
        if (parts.AddedTokens.FirstOrDefault(token => token.Id >= ModelReader.LargestVocabulary) is { } far)
        {
            throw new CheckpointException(path, $"the added token '{far.Content}' has the id {far.Id}; "
                + $"a number from 0 to {ModelReader.LargestVocabulary} was expected");
        }
        (Template? template, (bool, bool) trim) = Components.PostProcessor(nodes.PostProcessor, path);
        return parts with { Template = template ?? ClassTemplate(kind, parts) ?? Template.Bare, TrimOffsets = trim };
    }

    // What a class puts around a text where no file says it.
    private static Template? ClassTemplate(TokenizerClass kind, TokenizerParts parts)
    {
        int? Id(string role)
        {
            string token = parts.Roles.GetValueOrDefault(role) ?? "";
            return parts.AddedTokens.FirstOrDefault(added => added.Content == token)?.Id ?? (parts.Model.Vocabulary.TryGetValue(token, out int id) ? id : null);
        }
        bool doubled = kind.Name is "Roberta" or "MPNet" or "XLMRoberta" or "Camembert";
        if (!doubled && kind.Name is not ("Bert" or "Albert" or "DebertaV2")) return null;
        return Id("cls_token") is { } cls && Id("sep_token") is { } sep
            ? Templates.Around(cls, sep, doubled) with { TypesFirstWindows = kind.Name is "XLMRoberta" or "Camembert" } : null;
    }

    // Under a class that rebuilds, the settings' list replaces the file's; without such a list, the file's stands.
    private static List<AddedToken> Added(TokenizerFiles files, TokenizerClass kind, JsonObject root,
        IReadOnlyDictionary<string, int> vocabulary, Dictionary<string, string> roles)
    {
        List<AddedToken> stored = SpecialTokens.Stored(root);
        if (SpecialTokens.Configured(files) is { } configured)
        {
            if (kind.Name.Length > 0) return configured;
            return [.. stored.Where(token => configured.TrueForAll(other => other.Id != token.Id)), .. configured];
        }
        foreach (string role in roles.Values.Distinct(StringComparer.Ordinal))
        {
            if (stored.Exists(token => token.Content == role) || !vocabulary.TryGetValue(role, out int id)) continue;
            stored.Add(new AddedToken(role, id) { Special = true });
        }
        return stored;
    }
}
