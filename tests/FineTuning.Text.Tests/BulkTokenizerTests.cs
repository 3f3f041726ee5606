using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Whole data sets through the pipelines that the goldens hold digests for: the ids of 105,349 lines each.</summary>
public sealed class BulkTokenizerTests
{
    public static TheoryData<string> Pipelines()
    {
        var names = new TheoryData<string>();
        if (Goldens.Folder("tokenizers") is not { } root) return names;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, "bulk.jsonl"))) names.Add(Path.GetFileName(folder));
        }
        return names;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Ids_of_whole_files_have_the_digests_of_the_reference(string name)
    {
        string folder = Goldens.Require("tokenizers", name);
        string data = Goldens.RequireShared("data");
        string? loadable = GoldenFolder.Prepare(folder);
        if (loadable is null) Assert.Skip("the files it borrows are not here, or the vocabulary in this folder is not the one its cases were made with");
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(loadable!);
        var failures = new List<string>();
        int blocks = 0;
        foreach (string line in File.ReadLines(Path.Combine(folder, "bulk.jsonl")))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement record = document.RootElement;
            string path = Path.Combine(data, record.GetProperty("file").GetString()!);
            if (!File.Exists(path)) Assert.Skip($"shared/data/{record.GetProperty("file").GetString()} is not beside this checkout");
            List<string> lines = Lines(path, record);
            Assert.Equal(record.GetProperty("lines").GetInt32(), lines.Count);
            List<string> found = Digests(tokenizer, lines, record);
            blocks += found.Count;
            // Where the lines of the reference part, the page of the goldens says which is right; the older is recorded where they do.
            string[] newer = Hashes(record, "sha256"), older = record.TryGetProperty("sha256_v4", out _) ? Hashes(record, "sha256_v4") : newer;
            Assert.Equal(newer.Length, found.Count);
            // Where no older line is recorded, the newest reference gives a text that begins with a space no second mark, though the file asks for one.
            List<string> marked = record.TryGetProperty("sha256_v4", out _) || !GivesMarks(folder) ? found : Digests(tokenizer, lines.ConvertAll(text => text.Length > 1 && text[0] == ' ' ? text[1..] : text), record);
            failures.AddRange(Enumerable.Range(0, found.Count).Where(i => found[i] != newer[i] && found[i] != older[i] && marked[i] != newer[i]).Select(i => $"{record.GetProperty("mode").GetString()} {record.GetProperty("file").GetString()} block {i}"));
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {blocks} blocks differ: {string.Join("; ", failures.Take(10))}");
    }

    private static bool GivesMarks(string folder) =>
        File.Exists(Path.Combine(folder, "tokenizer.json")) && JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")))!["normalizer"]?["normalizers"] is JsonArray steps && steps.Any(step => (string?)step!["type"] == "Prepend");

    private static string[] Hashes(JsonElement record, string name) => [.. record.GetProperty(name).EnumerateArray().Select(hash => hash.GetString()!)];

    private static List<string> Lines(string path, JsonElement record)
    {
        using Stream file = File.OpenRead(path);
        using Stream plain = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var reader = new StreamReader(plain, new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false);
        IEnumerable<string> lines = reader.ReadToEnd().Split('\n').Select(line => line.EndsWith('\r') ? line[..^1] : line).Where(line => line.Length > 0);
        if (record.GetProperty("header").GetBoolean()) lines = lines.Skip(1);
        if (record.GetProperty("column") is { ValueKind: JsonValueKind.Number } column) lines = lines.Select(line => line.Split('\t')[column.GetInt32()]).Where(cell => cell.Length > 0);
        return [.. lines];
    }

    private static List<string> Digests(PretrainedTokenizer tokenizer, List<string> lines, JsonElement record)
    {
        var rows = new List<int[]>();
        if (record.GetProperty("mode").GetString() == "pair")
        {
            Assert.Equal("longest_first", record.GetProperty("strategy").GetString());
            var options = new TokenizingOptions { Truncation = TruncationStrategy.LongestFirst, MaximumLength = record.GetProperty("max_length").GetInt32() };
            for (int i = 0; i + 1 < lines.Count; i += 2) rows.Add(tokenizer.Encode(lines[i], lines[i + 1], options).Ids);
        }
        else
        {
            rows.AddRange(tokenizer.EncodeAll(lines).Select(row => row.Ids));
        }
        return [.. rows.Chunk(record.GetProperty("block").GetInt32()).Select(block =>
        {
            int[] ids = [.. block.SelectMany(row => row.Append(-1))];
            return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(ids.AsSpan())))[..16];
        })];
    }
}
