using System.Globalization;
using System.Text.Json;
using FineTuning.Metrics;
using Xunit;

namespace FineTuning.Tests.Metrics;

/// <summary>Scores of generated texts beside those of sacrebleu, rouge-score and NLTK, text by text and over corpora, in one call and in batches.</summary>
public sealed class GoldenTextMetricTests
{
    [Theory]
    [InlineData("bleu")]
    [InlineData("bleu_tokens")]
    [InlineData("chrf")]
    [InlineData("ter")]
    [InlineData("ter_tokens")]
    [InlineData("rouge")]
    [InlineData("rouge_tokens")]
    [InlineData("porter")]
    [InlineData("meteor")]
    [InlineData("text_distance")]
    [InlineData("perplexity")]
    [InlineData("significance")]
    public void Equals_the_reference(string file)
    {
        string path = Path.Combine(Goldens.Require("metrics"), file + ".jsonl");
        if (!File.Exists(path)) Assert.Skip($"{file}.jsonl is not among the goldens");
        var failures = new List<string>();
        int compared = 0;
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement data = document.RootElement;
            if (file == "porter")
            {
                foreach ((string word, string stem) in data.GetProperty("words").GetString()!.Split(' ').Zip(data.GetProperty("stems").GetString()!.Split(' ')))
                {
                    compared++;
                    if (PorterStemmer.Stem(word) != stem) failures.Add($"{word}: {PorterStemmer.Stem(word)} instead of {stem}");
                }
                continue;
            }
            foreach (JsonElement result in data.GetProperty("results").EnumerateArray())
            {
                if (TextMetricCase.Compute(file, data, result) is not { } found) continue;
                compared++;
                object[] expected = [.. Values(result.GetProperty("value"))];
                bool same = expected.Length == found.Length && expected.Zip(found).All(pair => Same(pair.First, pair.Second));
                string options = string.Join(' ', result.EnumerateObject().Where(option => option.Name != "value").Select(option => option.ToString()));
                if (!same) failures.Add($"{data.GetProperty("id")} {options}: {string.Join(' ', found.Take(12))} instead of {string.Join(' ', expected.Take(12))}");
            }
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {compared}:{Environment.NewLine}{string.Join(Environment.NewLine, failures.Take(12))}");
        Assert.True(compared > 0);
    }

    private static IEnumerable<object> Values(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Values),
        JsonValueKind.Object => value.EnumerateObject().Where(field => field.Name != "signature").SelectMany(field => Values(field.Value)),
        JsonValueKind.String => [value.GetString()!],
        _ => [value.GetDouble()],
    };

    private static bool Same(object expected, object found) => (expected, found) switch
    {
        (double wanted, double given) => wanted.Equals(given) || Math.Abs(wanted - given) <= 1e-9 * Math.Max(1, Math.Abs(wanted)),
        (string wanted, double given) => double.TryParse(wanted, CultureInfo.InvariantCulture, out double number) && number.Equals(given),
        _ => expected.Equals(found),
    };
}
