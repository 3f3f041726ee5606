using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>Texts in, texts out, against Hugging Face's pipelines for generation: prompts, conversations, sources.</summary>
public sealed class GoldenWritingTests
{
    private static readonly string[] NoGenerationOptions =
        ["return_full_text", "batch_size", "handle_long_generation", "stop_sequence", "prefix", "skip_special_tokens", "continue_final_message"];

    public static TheoryData<string> Folders()
    {
        var folders = new TheoryData<string>();
        if (Goldens.Folder("pipelines") is not { } root) return folders;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string cases = Path.Combine(folder, "cases.jsonl");
            if (File.Exists(cases) && File.ReadLines(cases).First().Contains("-generation\"", StringComparison.Ordinal)) folders.Add(Path.GetFileName(folder));
        }
        return folders;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Equals_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        JsonElement[] cases = [.. File.ReadLines(Path.Combine(folder, "cases.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
        bool reads = cases[0].GetProperty("task").GetString() == "text2text-generation", chats = File.Exists(Path.Combine(folder, "chat_template.jinja"));
        var differences = new List<string>();
        using TextToText? translator = reads ? Pretrained.TextToText(folder) : null;
        using CausalLanguageModel? writer = reads ? null : Pretrained.CausalLanguageModel(folder);
        using ChatModel? chat = chats ? Pretrained.ChatModel(folder) : null;
        foreach (JsonElement test in cases)
        {
            JsonElement given = test.GetProperty("options");
            GenerationOptions options = Options(given);
            (string[] expected, string[] own) = reads ? Translated(translator!, test, options)
                : test.GetProperty("inputs").ValueKind == JsonValueKind.Array && test.GetProperty("inputs")[0].ValueKind != JsonValueKind.String
                    ? Replied(chat!, test, options, given) : Written(writer!, test, options, given);
            if (!expected.SequenceEqual(own)) differences.Add($"case {test.GetProperty("id")}: {string.Join(" | ", own)} instead of {string.Join(" | ", expected)}");
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences));
    }

    private static (string[] Expected, string[] Own) Translated(TextToText model, JsonElement test, GenerationOptions options)
    {
        string[] inputs = [.. test.GetProperty("inputs").EnumerateArray().Select(input => input.GetString()!)];
        JsonElement expected = test.GetProperty("expected");
        IReadOnlyList<GeneratedText>[] own = [.. model.GenerateBatch(inputs, options)];
        int[][] ids = [.. expected.GetProperty("generated_ids").EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
        foreach ((int[] theirs, GeneratedText text) in ids.Zip(own.SelectMany(texts => texts))) Assert.Equal(theirs.Skip(1).Take(text.Tokens.Count), text.Tokens);
        return ([.. expected.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)], [.. own.SelectMany(texts => texts).Select(text => text.Text)]);
    }

    private static (string[] Expected, string[] Own) Written(CausalLanguageModel model, JsonElement test, GenerationOptions options, JsonElement given)
    {
        JsonElement inputs = test.GetProperty("inputs");
        string[] prompts = inputs.ValueKind == JsonValueKind.String ? [inputs.GetString()!] : [.. inputs.EnumerateArray().Select(input => input.GetString()!)];
        JsonElement[] expected = inputs.ValueKind == JsonValueKind.String ? [test.GetProperty("expected")] : [.. test.GetProperty("expected").EnumerateArray()];
        bool whole = !Has(given, "return_full_text"), special = Has(given, "skip_special_tokens");
        string prefix = given.TryGetProperty("prefix", out JsonElement before) ? before.GetString()! : "";
        int[][] ids = [.. prompts.Select(prompt => model.Tokenizer.Encode(prefix + prompt).Ids.ToArray())];
        if (given.TryGetProperty("stop_sequence", out JsonElement stop)) options = options with { StopStrings = [stop.GetString()!] };
        if (given.TryGetProperty("handle_long_generation", out _)) ids = [.. ids.Select(row => row[^Math.Min(row.Length, model.Tokenizer.MaximumLength!.Value - options.MaxNewTokens!.Value)..])];
        IReadOnlyList<IReadOnlyList<GeneratedText>> own = model.Generator.Run(ids, options, CancellationToken.None);
        string Text(GeneratedText text) => special ? model.Tokenizer.Decode([.. text.Tokens], skipSpecialTokens: false, cleanUp: false) : text.Text;
        return ([.. expected.SelectMany(texts => texts.EnumerateArray()).Select(text => text.GetProperty("generated_text").GetString()!)],
            [.. own.SelectMany((texts, i) => texts.Select(text => (whole ? prompts[i] : "") + Text(text)))]);
    }

    private static (string[] Expected, string[] Own) Replied(ChatModel model, JsonElement test, GenerationOptions options, JsonElement given)
    {
        JsonElement inputs = test.GetProperty("inputs");
        bool one = inputs[0].ValueKind == JsonValueKind.Object;
        JsonElement[] chats = one ? [inputs] : [.. inputs.EnumerateArray()], expected = one ? [test.GetProperty("expected")] : [.. test.GetProperty("expected").EnumerateArray()];
        IReadOnlyList<ChatTurn>[] turns = [.. chats.Select(chat => ChatTurn.ListFromJson(chat.GetRawText()))];
        // A new turn behind the assistant's own: asked for by ids, since a turn of the assistant is continued.
        IReadOnlyList<IReadOnlyList<GeneratedText>> own = Has(given, "continue_final_message")
            ? model.Generator.Run([model.Tokenizer.EncodeChat(turns[0], new ChatOptions { AddGenerationPrompt = true }).Ids], options, CancellationToken.None)
            : model.ReplyBatch(turns, options);
        bool continues = turns[0][^1].Role == "assistant" && !Has(given, "continue_final_message");
        return ([.. expected.SelectMany(texts => texts.EnumerateArray()).Select(Answer)],
            [.. own.SelectMany((texts, i) => texts.Select(text => (continues && !Has(given, "return_full_text") ? turns[i][^1].Content : "") + text.Text))]);
    }

    // The answer is the last turn, or the text itself.
    private static string Answer(JsonElement text)
    {
        JsonElement written = text.GetProperty("generated_text");
        return written.ValueKind == JsonValueKind.String ? written.GetString()! : written[written.GetArrayLength() - 1].GetProperty("content").GetString()!;
    }

    private static bool Has(JsonElement given, string name) => given.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.False;

    private static GenerationOptions Options(JsonElement given)
    {
        JsonObject own = JsonNode.Parse(given.GetRawText())!.AsObject();
        foreach (string name in NoGenerationOptions) own.Remove(name);
        return GenerationConfigFile.Parse("options", own.ToJsonString()).Options;
    }
}
