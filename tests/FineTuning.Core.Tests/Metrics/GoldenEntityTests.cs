using System.Text.Json;
using Xunit;

namespace FineTuning.Tests.Metrics;

/// <summary>Every sentence of the goldens, in every reading.</summary>
public sealed class GoldenEntityTests
{
    [Fact]
    public void Entities_of_a_sentence_equal_the_reference()
    {
        string path = Path.Combine(Goldens.Require("metrics"), "seqeval_entities.jsonl");
        if (!File.Exists(path)) Assert.Skip("seqeval_entities.jsonl is not among the goldens");
        var failures = new List<string>();
        int compared = 0;
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            foreach (JsonElement result in document.RootElement.GetProperty("results").EnumerateArray())
            {
                compared++;
                if (SeqevalEntitiesCase.Problem(document.RootElement, result) is { } problem) failures.Add($"{document.RootElement.GetProperty("id")} [{document.RootElement.GetProperty("tags")}] {result}: {problem}");
            }
        }
        Assert.True(compared > 0);
        Assert.True(failures.Count == 0, $"{failures.Count} of {compared}:{Environment.NewLine}{string.Join(Environment.NewLine, failures.Take(12))}");
    }
}
