using System.Text.Json;
using FineTuning.Metrics;
using Xunit;

namespace FineTuning.Tests.Metrics;

/// <summary>Normalization, single answers and whole data sets against the official SQuAD scripts.</summary>
public sealed class GoldenAnswerTests
{
    [Fact]
    public void Texts_are_normalized_as_the_reference_does() => Run("squad_normalize", (data, result) =>
    {
        string text = data.GetProperty("text").GetString()!;
        JsonElement value = result.GetProperty("value");
        return result.GetProperty("metric").GetString() == "normalized"
            ? (AnswerText.Normalize(text) == value.GetString() ? null : AnswerText.Normalize(text))
            : (AnswerText.Tokens(text).SequenceEqual(value.EnumerateArray().Select(word => word.GetString())) ? null : string.Join('|', AnswerText.Tokens(text)));
    });

    [Fact]
    public void Single_answers_score_as_the_reference_says() => Run("squad_pairs", (data, result) =>
    {
        string metric = result.GetProperty("metric").GetString()!;
        (double exact, double f1) = AnswerAccumulator.Score(data.GetProperty("prediction").GetString()!, Texts(data.GetProperty("references")), metric.EndsWith("v2", StringComparison.Ordinal));
        double found = metric.StartsWith("exact", StringComparison.Ordinal) ? exact : f1;
        return Same(result.GetProperty("value").GetDouble(), found) ? null : $"{found}";
    });

    [Fact]
    public void Data_sets_score_as_the_official_scripts_say() => Run("squad", (data, result) =>
    {
        bool second = data.GetProperty("version").GetInt32() == 2;
        HashSet<string> missing = result.TryGetProperty("without_predictions_for", out JsonElement without) ? [.. Texts(without)] : [];
        var accumulator = new AnswerAccumulator(second);
        var each = new List<(double Exact, double F1)>();
        try
        {
            foreach (JsonElement question in data.GetProperty("questions").EnumerateArray())
            {
                string? prediction = missing.Contains(question.GetProperty("id").GetString()!) ? null : question.GetProperty("prediction").GetString();
                double probability = question.TryGetProperty("no_answer_probability", out JsonElement given) ? given.GetDouble() : 0;
                each.Add(accumulator.Add(prediction, Texts(question.GetProperty("references")), probability));
            }
        }
        catch (ArgumentException refusal)
        {
            return result.TryGetProperty("error", out _) ? null : refusal.Message;
        }
        if (result.TryGetProperty("error", out _)) return "should be refused";
        JsonElement value = result.GetProperty("value");
        if (result.GetProperty("metric").GetString() == "per_question")
        {
            double[] expected = [.. GoldenMetricTests.Numbers(value)];
            return expected.Zip(each.SelectMany(pair => new[] { pair.Exact, pair.F1 })).All(pair => Same(pair.First, pair.Second)) ? null : "a question differs";
        }
        MetricReport report = accumulator.Report(0, result.TryGetProperty("no_answer_probability_threshold", out JsonElement threshold) ? threshold.GetDouble() : 1);
        foreach (JsonProperty entry in value.EnumerateObject().Where(entry => !entry.Name.EndsWith("total", StringComparison.Ordinal)))
        {
            bool isThreshold = entry.Name.EndsWith("thresh", StringComparison.Ordinal);
            if (!report.TryGet(Name(entry.Name), out double own)) return $"there is no {Name(entry.Name)}";
            if (!Same(entry.Value.GetDouble(), isThreshold ? own : own * 100)) return $"{entry.Name} {own} instead of {entry.Value}";
        }
        bool answerable = value.EnumerateObject().Any(entry => entry.Name == "HasAns_total");
        return second && answerable != report.TryGet("has_answer_f1", out _) ? "has_answer_f1 is there for nothing, or not there" : null;
    });

    [Fact]
    public void An_empty_evaluation_and_a_missing_reference_are_refused()
    {
        Assert.Throws<InvalidOperationException>(() => new AnswerAccumulator(true).Report(0));
        Assert.Throws<ArgumentException>(() => new AnswerAccumulator(false).Add("x", []));
        Assert.Throws<ArgumentException>(() => new AnswerAccumulator(true).Add("x", [], double.NaN));
    }

    private static string Name(string official) => official switch
    {
        "exact" or "exact_match" => "exact_match",
        _ => official.Replace("HasAns", "has_answer", StringComparison.Ordinal).Replace("NoAns", "no_answer", StringComparison.Ordinal).Replace("thresh", "threshold", StringComparison.Ordinal),
    };

    private static void Run(string file, Func<JsonElement, JsonElement, string?> check)
    {
        string path = Path.Combine(Goldens.Require("metrics"), file + ".jsonl");
        if (!File.Exists(path)) Assert.Skip($"{file}.jsonl is not among the goldens");
        var failures = new List<string>();
        int compared = 0;
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            foreach (JsonElement result in document.RootElement.GetProperty("results").EnumerateArray())
            {
                compared++;
                if (check(document.RootElement, result) is { } problem) failures.Add($"{document.RootElement.GetProperty("id")} {result.GetProperty("metric")}: {problem}");
            }
        }
        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures.Take(12)));
        Assert.True(compared > 0);
    }

    private static string[] Texts(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString()!)];

    private static bool Same(double expected, double found) => Math.Abs(expected - found) <= 1e-9 * Math.Max(1, Math.Abs(expected));
}
