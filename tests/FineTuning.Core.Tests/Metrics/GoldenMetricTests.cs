using System.Globalization;
using System.Text.Json;
using FineTuning.Metrics;
using Xunit;

namespace FineTuning.Tests.Metrics;

/// <summary>Every data set of the goldens whose metrics this library has, row by row.</summary>
public sealed class GoldenMetricTests
{
    [Theory]
    [InlineData("classification")]
    [InlineData("multilabel")]
    [InlineData("regression")]
    [InlineData("calibration")]
    [InlineData("seqeval")]
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
            foreach (JsonElement result in data.GetProperty("results").EnumerateArray())
            {
                string metric = result.GetProperty("metric").GetString()!;
                double[]? found = null;
                try
                {
                    found = file switch
                    {
                        "classification" => ClassificationCase.Compute(data, result, metric),
                        "multilabel" => MultiLabelCase.Compute(data, result, metric),
                        "seqeval" => SeqevalCase.Compute(data, result, metric),
                        "regression" => RegressionCase.Compute(data, result, metric),
                        _ => CalibrationCase.Compute(data, result, metric),
                    };
                }
                catch (Exception refusal) when (refusal is ArgumentException or InvalidOperationException)
                {
                    compared++;
                    if (!result.TryGetProperty("error", out _)) failures.Add($"{data.GetProperty("id")} {metric}: {refusal.Message}");
                    continue;
                }
                if (found is null) continue;
                compared++;
                if (result.TryGetProperty("error", out _))
                {
                    failures.Add($"{data.GetProperty("id")} {metric}: should be refused");
                    continue;
                }
                double[] expected = [.. Numbers(result.GetProperty("value"))];
                bool same = expected.Length == found.Length && expected.Zip(found).All(pair => Same(pair.First, pair.Second));
                if (!same) failures.Add($"{data.GetProperty("id")} {result.GetRawText()[..Math.Min(120, result.GetRawText().Length)]}: {string.Join(' ', found.Select(value => value.ToString("R", CultureInfo.InvariantCulture)))}");
            }
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {compared}:{Environment.NewLine}{string.Join(Environment.NewLine, failures.Take(12))}");
        Assert.True(compared > 0);
    }

    internal static IEnumerable<double> Numbers(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Numbers),
        JsonValueKind.Object => value.EnumerateObject().SelectMany(field => Numbers(field.Value)),
        JsonValueKind.String => [double.Parse(value.GetString()!, CultureInfo.InvariantCulture)],
        _ => [value.GetDouble()],
    };

    internal static double ZeroDivision(JsonElement result) => result.TryGetProperty("zero_division", out JsonElement value) ? Numbers(value).First() : 0;

    private static bool Same(double expected, double found) => expected.Equals(found) || Math.Abs(expected - found) <= 1e-9 * Math.Max(1, Math.Abs(expected));
}
