using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Writes a checkpoint with a chat format: tokenizer files, rows for its tokens, and the end token in the configuration.</summary>
internal static class ChatFormatFiles
{
    private const long LargestFile = 16L << 20;

    private static readonly string[] Configurations = ["config.json", "generation_config.json"];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static PretrainedTokenizer Write(string folder, string target, ChatFormat format)
    {
        AtomicFolder.Write(target, fresh => WholeFolder.Read(folder, () => Fill(folder, fresh, format)));
        return PretrainedTokenizer.Load(target);
    }

    private static string Fill(string folder, string fresh, ChatFormat format)
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
        if (format.EndToken is null && tokenizer.EndId is null)
        {
            throw new InvalidOptionsException(
                [$"the chat format '{format.Name}' ends answers with the tokenizer's end token, and {Path.Combine(folder, "tokenizer_config.json")} names none "
                    + "(eos_token): name one, or take another format"]);
        }
        tokenizer = tokenizer.WithTokens(format.NewTokens).WithChatTemplate(format.Template);
        int size = format.Tokens.Select(token => IdOf(token, tokenizer, format)).DefaultIfEmpty(-1).Max() + 1;
        int? endId = format.EndToken is null ? null : IdOf(format.EndToken, tokenizer, format);
        FolderCopy.Clear(fresh);
        FolderCopy.WithoutWeights(folder, fresh);
        VocabularyWidening.Write(folder, fresh, size, new Dictionary<int, float[]>());
        tokenizer.Save(fresh);
        if (format.EndToken is not { } end) return fresh;
        PretrainedTokenizer.Load(fresh, new TokenizerSettings { SpecialTokens = new Dictionary<string, string> { ["eos_token"] = end } }).Save(fresh);
        foreach (string name in Configurations) SetEnd(Path.Combine(fresh, name), endId!.Value);
        return fresh;
    }

    private static int IdOf(string token, PretrainedTokenizer tokenizer, ChatFormat format) => tokenizer.TokenId(token) ?? throw new InvalidOptionsException(
        [$"the chat format '{format.Name}' writes the token '{MessageText.Of(token)}', which the vocabulary has not: list it in Tokens"]);

    // Whoever generates with the copy stops where answers end.
    private static void SetEnd(string path, int id)
    {
        if (!File.Exists(path)) return;
        JsonObject config = StrictJson.ReadObject(path, LargestFile);
        config["eos_token_id"] = id;
        File.WriteAllText(path, config.ToJsonString(Indented) + "\n");
    }
}
