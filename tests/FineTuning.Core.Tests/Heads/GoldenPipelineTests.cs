using System.Text.Json;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Texts in, answers out, against Hugging Face's text-classification pipeline.</summary>
public sealed class GoldenPipelineTests
{
    public static TheoryData<string> Folders()
    {
        var folders = new TheoryData<string>();
        if (Goldens.Folder("pipelines") is not { } root) return folders;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string cases = Path.Combine(folder, "cases.jsonl");
            if (File.Exists(cases) && File.ReadLines(cases).Any(line => line.Contains("\"text-classification\"", StringComparison.Ordinal))) folders.Add(Path.GetFileName(folder));
        }
        return folders;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Text_classification_equals_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        if (Missing(folder) is { } missing) Assert.Skip(missing);
        string config = File.ReadAllText(Path.Combine(folder, "config.json"));
        if (OutputHead.ReadLabels(folder).Count == 1 && !config.Contains("\"regression\"", StringComparison.Ordinal)) Assert.Skip($"{name}: one score without a purpose");
        var differences = new List<string>();
        foreach (string line in File.ReadLines(Path.Combine(folder, "cases.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement test = json.RootElement;
            if (test.GetProperty("task").GetString() != "text-classification") continue;
            // A list of two-element lists means nothing here: our pairs are typed.
            if (test.GetProperty("inputs").ValueKind == JsonValueKind.Array && test.GetProperty("inputs")[0].ValueKind == JsonValueKind.Array) continue;
            string? problem = Check(folder, config, test);
            if (problem is not null) differences.Add($"case {test.GetProperty("id")}: {problem}");
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static string? Missing(string folder)
    {
        try
        {
            PretrainedTokenizer.Load(folder);
            return null;
        }
        catch (FineTuning.Errors.CheckpointException failure) when (failure.Message.Contains("not supported", StringComparison.Ordinal))
        {
            return failure.Message;
        }
    }

    private static string? Check(string folder, string config, JsonElement test)
    {
        JsonElement options = test.GetProperty("options");
        try
        {
            TextOptions text = Options(options);
            bool refused = test.TryGetProperty("error", out _);
            (string, string?)[] inputs = Inputs(test.GetProperty("inputs"));
            List<(string Label, double Score)[]> answers;
            if (config.Contains("\"regression\"", StringComparison.Ordinal))
            {
                using TextRegressor model = Pretrained.TextRegressor(folder, text);
                string label = OutputHead.ReadLabels(folder)[0];
                answers = [.. model.PredictBatch(inputs).Zip(Raw(model, inputs), (answer, raw) => Named(options, [label], raw, [(label, answer.Score)]))];
            }
            else if (config.Contains("multi_label_classification", StringComparison.Ordinal))
            {
                using TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(folder, new TextMultiLabelerOptions<string> { MaximumLength = text.MaximumLength, Truncation = text.Truncation });
                answers = [.. model.PredictBatch(inputs).Zip(Raw(model, inputs), (answer, raw) => Named(options, model.LabelSet.Names, raw, [.. answer.Scores.Select(score => (score.Label, score.Score))]))];
            }
            else
            {
                using TextClassifier<string> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { MaximumLength = text.MaximumLength, Truncation = text.Truncation });
                answers = [.. model.PredictBatch(inputs).Zip(Raw(model, inputs), (answer, raw) => Named(options, model.LabelSet.Names, raw, [.. answer.Scores.Select(score => (score.Label, score.Score))]))];
            }
            return refused ? "was answered instead of refused" : Compare(test.GetProperty("expected"), answers);
        }
        catch (Exception failure) when (failure is ArgumentException or FineTuning.Errors.FineTuningException && test.TryGetProperty("error", out _))
        {
            return null;
        }
    }

    private static TextOptions Options(JsonElement options)
    {
        TruncationStrategy truncation = TruncationStrategy.None;
        if (options.TryGetProperty("truncation", out JsonElement asked))
        {
            truncation = asked.ValueKind == JsonValueKind.True ? TruncationStrategy.LongestFirst
                : asked.GetString() == "only_first" ? TruncationStrategy.OnlyFirst
                : asked.GetString() == "only_second" ? TruncationStrategy.OnlySecond : TruncationStrategy.LongestFirst;
        }
        return new TextOptions { Truncation = truncation, MaximumLength = options.TryGetProperty("max_length", out JsonElement length) ? length.GetInt32() : null };
    }

    private static (string, string?)[] Inputs(JsonElement inputs) => inputs.ValueKind switch
    {
        JsonValueKind.String => [(inputs.GetString()!, null)],
        JsonValueKind.Object => [(inputs.GetProperty("text").GetString()!, inputs.GetProperty("text_pair").GetString())],
        _ => [.. inputs.EnumerateArray().SelectMany(Inputs)],
    };

    private static float[][] Raw<TExample, TPrediction>(TextTask<TExample, TPrediction> model, (string Text, string? Pair)[] inputs) =>
        model.Logits([.. inputs.Select(input => model.Tokenize(input.Text, input.Pair))], CancellationToken.None);

    /// <summary>What the pipeline returns: our scores, or another function of the logits where the case asks for one.</summary>
    private static (string Label, double Score)[] Named(JsonElement options, IReadOnlyList<string> names, float[] logits, (string Label, double Score)[] own)
    {
        if (options.TryGetProperty("function_to_apply", out JsonElement function))
        {
            double[] scores = function.GetString() switch
            {
                "sigmoid" => Probabilities.Sigmoid(logits),
                "softmax" => Probabilities.Softmax(logits),
                _ => [.. logits.Select(value => (double)value)],
            };
            own = [.. names.Select((name, i) => (name, scores[i])).OrderByDescending(pair => pair.Item2)];
        }
        return !options.TryGetProperty("top_k", out JsonElement top) ? own[..1] : top.ValueKind == JsonValueKind.Null ? own : own[..Math.Min(own.Length, top.GetInt32())];
    }

    private static string? Compare(JsonElement expected, List<(string Label, double Score)[]> answers)
    {
        List<JsonElement> flat = Flat(expected);
        (string Label, double Score)[] own = [.. answers.SelectMany(answer => answer)];
        if (flat.Count != own.Length) return $"{own.Length} answers instead of {flat.Count}";
        for (int i = 0; i < own.Length; i++)
        {
            double score = flat[i].GetProperty("score").GetDouble();
            if (flat[i].GetProperty("label").GetString() != own[i].Label || Math.Abs(score - own[i].Score) > 1e-5 + (1e-4 * Math.Abs(score))) return $"{own[i]} instead of {flat[i]}";
        }
        return null;
    }

    private static List<JsonElement> Flat(JsonElement element) => element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Flat)] : [element];
}
