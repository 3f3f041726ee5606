using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;

namespace FineTuning.Tests.Metrics;

/// <summary>Entities against seqeval: scores of data sets.</summary>
internal static class SeqevalCase
{
    public static double[]? Compute(JsonElement data, JsonElement result, string metric)
    {
        string[][] references = Sentences(data, "references"), predictions = Sentences(data, "predictions");
        if (references.Length != predictions.Length) throw new ArgumentException("not as many predictions as references");
        if (metric is "token_accuracy" or "token_counts")
        {
            var tokens = new TokenCounts();
            for (int i = 0; i < references.Length; i++) tokens.Add(references[i], predictions[i]);
            return metric == "token_accuracy" ? [tokens.Accuracy] : [tokens.TruePositive, tokens.FalsePositive, tokens.FalseNegative, tokens.TrueNegative];
        }
        if (metric != "entity_precision_recall_f1") return null;
        var counts = new EntityCounts();
        bool suffix = data.TryGetProperty("suffix", out JsonElement written) && written.GetBoolean();
        for (int i = 0; i < references.Length; i++) counts.Add(Entities(references[i], result, suffix), Entities(predictions[i], result, suffix));
        double zero = GoldenMetricTests.ZeroDivision(result), support = counts.Types.Values.Sum(hits => hits.Support);
        double[] All((double Precision, double Recall, double F1) scores) => [scores.Precision, scores.Recall, scores.F1, support];
        switch (result.GetProperty("average").GetString())
        {
            case "micro": return All(counts.Micro(zero));
            case "macro": return All(counts.Macro(zero));
            case "weighted": return All(counts.Weighted(zero));
            default:
                string[] types = [.. result.GetProperty("types").EnumerateArray().Select(type => type.GetString()!)];
                if (!types.SequenceEqual(counts.Types.Keys)) return [];
                IEnumerable<Hits> hits = counts.Types.Values;
                return [.. hits.Select(hit => hit.Precision(zero)), .. hits.Select(hit => hit.Recall(zero)), .. hits.Select(hit => hit.F(1, zero)), .. hits.Select(hit => hit.Support)];
        }
    }

    internal static IReadOnlyList<EntitySpan> Entities(string[] tags, JsonElement result, bool suffix = false)
    {
        if (result.GetProperty("mode").GetString() == "default") return TagSequence.Entities(tags, suffix);
        try
        {
            return TagSequence.StrictEntities(tags, Scheme(result.GetProperty("scheme").GetString()!), suffix);
        }
        catch (TrainingDataException refusal)
        {
            throw new ArgumentException(refusal.Message, refusal);
        }
    }

    internal static TaggingScheme Scheme(string name) => Enum.Parse<TaggingScheme>(name, ignoreCase: true);

    private static string[][] Sentences(JsonElement data, string name) => [.. data.GetProperty(name).EnumerateArray().Select(line => line.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
}

/// <summary>Entities against seqeval: one sentence read in every mode.</summary>
internal static class SeqevalEntitiesCase
{
    public static string? Problem(JsonElement data, JsonElement result)
    {
        string[] tags = data.GetProperty("tags").GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool suffix = data.TryGetProperty("suffix", out JsonElement written) && written.GetBoolean(), refused = result.TryGetProperty("error", out _);
        if (result.GetProperty("metric").GetString() == "auto_detect")
        {
            string? found = TagSequence.Detect([tags], suffix)?.ToString(), expected = refused ? null : SeqevalCase.Scheme(result.GetProperty("value").GetString()!).ToString();
            return found == expected ? null : $"{found} was detected instead of {expected}";
        }
        string own;
        try
        {
            own = string.Join(' ', SeqevalCase.Entities(tags, result, suffix).Select(entity => $"{entity.Type}:{entity.First}-{entity.Last}"));
        }
        catch (ArgumentException)
        {
            return refused ? null : "was refused";
        }
        if (refused) return "should be refused";
        string theirs = string.Join(' ', result.GetProperty("value").EnumerateArray().Select(entity => $"{entity[0].GetString()}:{entity[1].GetInt32()}-{entity[2].GetInt32()}"));
        return own == theirs ? null : $"{own} instead of {theirs}";
    }
}
