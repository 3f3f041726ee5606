using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Every tokenizer pipeline of the goldens: ids, offsets, special tokens, words, decoding, pairs, truncation.</summary>
public sealed class GoldenTokenizerTests
{
    public static TheoryData<string> Pipelines()
    {
        var names = new TheoryData<string>();
        if (Goldens.Folder("tokenizers") is not { } root) return names;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, "cases.jsonl"))) names.Add(Path.GetFileName(folder));
        }
        return names;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Equals_the_reference(string name)
    {
        string folder = Goldens.Require("tokenizers", name);
        string? loadable = GoldenFolder.Prepare(folder);
        if (loadable is null) Assert.Skip("the files it borrows are not here, or the vocabulary in this folder is not the one its cases were made with: its hash differs from expect.json's");
        PretrainedTokenizer tokenizer;
        try
        {
            tokenizer = PretrainedTokenizer.Load(loadable!);
        }
        catch (CheckpointException refusal) when (refusal.Message.Contains("not supported", StringComparison.Ordinal) || refusal.Message.Contains("holds no tokenizer", StringComparison.Ordinal))
        {
            Assert.Skip(refusal.Message);
            return;
        }
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expect.json")));
        bool rebuilt = expected.RootElement.GetProperty("class").GetString() is "GPT2Tokenizer" or "LlamaTokenizer" or "GemmaTokenizer" or "DebertaV2Tokenizer"
            && (!File.Exists(Path.Combine(loadable!, "tokenizer.json")) || (expected.RootElement.TryGetProperty("replaced", out JsonElement parts) && parts.ValueKind == JsonValueKind.Array
            && parts.EnumerateArray().Any(part => part.GetString() is "normalizer" or "pre_tokenizer")));
        var runner = new GoldenRunner(tokenizer, GoldenFolder.Texts(Path.Combine(folder, "..", "texts.jsonl"))) 
        {
            FollowsFile = rebuilt,
            OldLineIsAbsent = expected.RootElement.TryGetProperty("v4", out JsonElement older) && older.TryGetProperty("error", out _),
            Folder = loadable!,
            RecordedInPart = expected.RootElement.TryGetProperty("bare_kept", out JsonElement kept) && kept.ValueKind == JsonValueKind.String,
            DecodingsRecorded = !name.StartsWith("c-norm-", StringComparison.Ordinal) && !name.StartsWith("c-pre-", StringComparison.Ordinal),
        };
        foreach (string line in File.ReadLines(Path.Combine(folder, "cases.jsonl")))
        {
            using JsonDocument record = JsonDocument.Parse(line);
            runner.Check(record.RootElement);
        }
        runner.CheckExpectation(expected.RootElement);
        Assert.True(runner.Failures.Count == 0, $"{runner.Failures.Count} of {runner.Checked} differ:{Environment.NewLine}{string.Join(Environment.NewLine, runner.Failures.Take(10))}");
        Assert.True(runner.Checked > 0 && runner.Unjudged < runner.Checked / 4);
    }
}
