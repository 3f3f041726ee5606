using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Embeddings of every folder of the goldens that has sentence-embedding cases.</summary>
public sealed class GoldenSentenceTests
{
    public static TheoryData<string> Folders()
    {
        var folders = new TheoryData<string>();
        if (Goldens.Folder("pipelines") is not { } root) return folders;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string cases = Path.Combine(folder, "cases.jsonl");
            if (File.Exists(cases) && File.ReadLines(cases).Any(line => line.Contains("\"sentence-embedding\"", StringComparison.Ordinal))) folders.Add(Path.GetFileName(folder));
        }
        return folders;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Embeddings_equal_the_reference(string name)
    {
        string goldens = Goldens.Require("pipelines", name);
        // A case without a checkpoint belongs to the real one of the same name.
        string folder = File.Exists(Path.Combine(goldens, "config.json")) ? goldens : Goldens.RequireShared("models", name);
        List<JsonElement> cases = [.. File.ReadLines(Path.Combine(goldens, "cases.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
        string[] texts = [.. cases.Where(IsEmbedding).Select(test => test.GetProperty("inputs").GetString()!)];
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(goldens, "golden.safetensors"));
        foreach ((string tensor, SentenceEncoderOptions options) in Variants(expected))
        {
            using SentenceEncoder encoder = Pretrained.SentenceEncoder(folder, options);
            foreach ((JsonElement test, string text) in cases.Where(IsEmbedding).Zip(texts))
            {
                Assert.Equal(test.GetProperty("input_ids").GetString(), string.Join(' ', encoder.Tokenize(text).Ids));
            }
            float[][] own = encoder.Encode(texts);
            using var reference = expected.Read(tensor);
            Close([.. reference.data<float>()], [.. own.SelectMany(vector => vector)], tensor);
        }
        using SentenceEncoder plain = Pretrained.SentenceEncoder(folder);
        float[][] vectors = plain.Encode(texts);
        foreach (string cosine in expected.Tensors.Keys.Where(key => key.StartsWith("cosine", StringComparison.Ordinal)))
        {
            using var reference = expected.Read(cosine);
            Close([.. reference.data<float>()], [.. vectors.SelectMany(one => vectors.Select(other => (float)Vectors.Cosine(one, other)))], cosine);
        }
        var index = new EmbeddingIndex(vectors);
        foreach (JsonElement test in cases.Where(test => test.GetProperty("task").GetString() == "semantic-search"))
        {
            JsonElement search = test.GetProperty("options");
            int row = search.GetProperty("query_row").GetInt32(), count = search.GetProperty("top_k").GetInt32();
            (int, double)[] found = [.. index.Search(vectors[row], count + 1).Where(text => text.Index != row).Take(count).Select(text => (text.Index, text.Score))];
            Assert.Equal(test.GetProperty("expected").EnumerateArray().Select(pair => pair[0].GetInt32()), found.Select(pair => pair.Item1));
            Assert.All(test.GetProperty("expected").EnumerateArray().Zip(found), pair => Assert.Equal(pair.First[1].GetDouble(), pair.Second.Item2, 1e-5));
        }
    }

    private static bool IsEmbedding(JsonElement test) => test.GetProperty("task").GetString() == "sentence-embedding";

    private static void Close(float[] expected, float[] actual, string name)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = expected.Zip(actual, (one, other) => Math.Abs(one - other) / Math.Max(1, Math.Abs(one))).Max();
        Assert.True(worst <= 1e-5, $"{name} differs by {worst}");
    }

    // "embeddings" is what the folder says; "embedding.<pooling>" and "embedding.<pooling>.normalized" name what is asked for.
    private static IEnumerable<(string, SentenceEncoderOptions)> Variants(SafetensorsFile expected)
    {
        foreach (string name in expected.Tensors.Keys)
        {
            string[] parts = name.Split('.');
            if (name == "embeddings") yield return (name, new SentenceEncoderOptions());
            if (parts[0] != "embedding") continue;
            SentencePooling pooling = parts[1] switch
            {
                "mean" => SentencePooling.Mean,
                "cls" => SentencePooling.FirstToken,
                "max" => SentencePooling.Max,
                "mean_sqrt_len" => SentencePooling.MeanSquareRootLength,
                "weightedmean" => SentencePooling.WeightedMean,
                "lasttoken" => SentencePooling.LastToken,
                _ => throw new CheckpointException(name, "the pooling is not known"),
            };
            yield return (name, new SentenceEncoderOptions { Pooling = [pooling], Normalize = parts.Length > 2 });
        }
    }
}
