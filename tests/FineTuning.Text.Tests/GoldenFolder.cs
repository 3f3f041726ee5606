using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace FineTuning.Tests.Text;

internal static class GoldenFolder
{
    /// <summary>A folder that can be loaded: the golden's own, or a copy with the files it borrows; null where those are missing.</summary>
    public static string? Prepare(string folder)
    {
        string source = Path.Combine(folder, "source.json");
        if (!File.Exists(source)) return WithTheCasesVocabulary(folder);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(source));
        string root = document.RootElement.GetProperty("root").GetString() == "tokenizers" ? Path.Combine(folder, "..") : Path.Combine(Goldens.Shared ?? "", "vocab");
        string copy = Copy(folder);
        bool derived = document.RootElement.TryGetProperty("derive", out _);
        foreach (JsonProperty borrowed in document.RootElement.GetProperty("borrow").EnumerateObject())
        {
            string path = Path.Combine(root, borrowed.Value.GetString()!);
            if (!File.Exists(path)) return null;
            if (derived) Tiktoken.Derive(path, copy);
            else File.Copy(path, Path.Combine(copy, borrowed.Name), overwrite: true);
        }
        return copy;
    }

    private static string Copy(string folder)
    {
        string copy = Directory.CreateTempSubdirectory().FullName;
        foreach (string file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    /// <summary>
    /// Some folders hold another vocabulary than the one that their cases were made with, whose hash expect.json records. Where another folder's vocab.txt is that
    /// vocabulary, it is put into a copy; where none is, the answer is null.
    /// </summary>
    private static string? WithTheCasesVocabulary(string folder)
    {
        string path = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(path)) return folder;
        JsonObject file = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        JsonObject model = file["model"]!.AsObject();
        if (model["vocab"] is not JsonObject vocabulary || model.ContainsKey("merges")) return folder;
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expect.json")));
        string hash = expected.RootElement.GetProperty("vocab_sha256").GetString()!;
        bool Fits(IEnumerable<KeyValuePair<string, int>> entries)
        {
            var ids = new Dictionary<string, int>(entries);
            foreach (JsonNode? token in file["added_tokens"]!.AsArray()) ids[(string)token!["content"]!] = (int)token["id"]!;
            return Hash(ids) == hash;
        }
        if (Fits(vocabulary.Select(entry => KeyValuePair.Create(entry.Key, (int)entry.Value!)))) return folder;
        foreach (string other in Directory.GetDirectories(Path.Combine(folder, "..")).Select(other => Path.Combine(other, "vocab.txt")).Where(File.Exists))
        {
            string[] lines = File.ReadAllLines(other);
            if (lines.Distinct().Count() != lines.Length || !Fits(lines.Select((line, id) => KeyValuePair.Create(line, id)))) continue;
            model["vocab"] = new JsonObject(lines.Select((line, id) => KeyValuePair.Create(line, (JsonNode?)id)));
            string copy = Copy(folder);
            File.WriteAllText(Path.Combine(copy, "tokenizer.json"), file.ToJsonString());
            if (File.Exists(Path.Combine(copy, "vocab.txt"))) File.Copy(other, Path.Combine(copy, "vocab.txt"), overwrite: true);
            return copy;
        }
        return null;
    }

    /// <summary>The hash of a vocabulary as expect.json has it.</summary>
    public static string Hash(IEnumerable<KeyValuePair<string, int>> ids) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', ids.OrderBy(pair => pair.Value).Select(pair => $"{pair.Key}\t{pair.Value}")))))[..16];

    public static string[] Texts(string path) => [.. File.ReadLines(path).Select(line =>
    {
        using JsonDocument document = JsonDocument.Parse(line);
        return document.RootElement.GetProperty("text").GetString()!;
    })];
}
