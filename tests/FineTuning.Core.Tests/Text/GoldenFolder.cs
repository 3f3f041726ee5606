using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace FineTuning.Tests.Text;

internal static class GoldenFolder
{
    /// <summary>A folder that can be loaded: the golden's own, or a copy with the files it borrows; null where those are missing.</summary>
    public static string? Prepare(string folder)
    {
        string source = Path.Combine(folder, "source.json");
        if (!File.Exists(source)) return folder;
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(source));
        if (document.RootElement.TryGetProperty("derive", out _)) return null;
        string root = document.RootElement.GetProperty("root").GetString() == "tokenizers" ? Path.Combine(folder, "..") : Path.Combine(Goldens.Shared ?? "", "vocab");
        string copy = Directory.CreateTempSubdirectory().FullName;
        foreach (string file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        foreach (JsonProperty borrowed in document.RootElement.GetProperty("borrow").EnumerateObject())
        {
            string path = Path.Combine(root, borrowed.Value.GetString()!);
            if (!File.Exists(path)) return null;
            File.Copy(path, Path.Combine(copy, borrowed.Name), overwrite: true);
        }
        return copy;
    }

    /// <summary>
    /// Whether tokenizer.json, read here without the library, has the vocabulary whose hash expect.json records; folders without that file are taken at their word.
    /// </summary>
    public static bool VocabularyIsTheCases(string golden, string folder)
    {
        string path = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(path)) return true;
        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(path)), expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden, "expect.json")));
        JsonElement vocabulary = file.RootElement.GetProperty("model").GetProperty("vocab");
        if (vocabulary.ValueKind != JsonValueKind.Object || file.RootElement.GetProperty("model").TryGetProperty("merges", out _)) return true;
        var ids = new Dictionary<string, int>();
        foreach (JsonProperty token in vocabulary.EnumerateObject()) ids[token.Name] = token.Value.GetInt32();
        foreach (JsonElement token in file.RootElement.GetProperty("added_tokens").EnumerateArray()) ids[token.GetProperty("content").GetString()!] = token.GetProperty("id").GetInt32();
        string listing = string.Join('\n', ids.OrderBy(pair => pair.Value).Select(pair => $"{pair.Key}\t{pair.Value}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(listing))).StartsWith(expected.RootElement.GetProperty("vocab_sha256").GetString()!, StringComparison.Ordinal);
    }

    public static string[] Texts(string path) => [.. File.ReadLines(path).Select(line =>
    {
        using JsonDocument document = JsonDocument.Parse(line);
        return document.RootElement.GetProperty("text").GetString()!;
    })];
}
