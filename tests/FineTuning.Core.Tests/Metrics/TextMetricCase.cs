using System.Text.Json;
using FineTuning.Metrics;

namespace FineTuning.Tests.Metrics;

/// <summary>One result of the goldens of generated texts, computed here.</summary>
internal static class TextMetricCase
{
    /// <summary>Numbers and texts in the order of the file; null where this library has no such metric.</summary>
    public static object[]? Compute(string file, JsonElement data, JsonElement result)
    {
        string metric = result.GetProperty("metric").GetString()!;
        return file switch
        {
            "bleu_tokens" => [.. BleuTokens.Of(data.GetProperty("text").GetString()!, Tokenization(result))],
            "ter_tokens" => [.. new Ter(Edits(result)).Words(data.GetProperty("text").GetString()!)],
            "rouge_tokens" => [.. new Rouge(RougeKind.L, Flag(result, "use_stemmer")).Words(data.GetProperty("text").GetString()!)],
            "bleu" or "chrf" or "ter" => Corpus(data, result, metric),
            "rouge" => Overlap(data, result, metric),
            "meteor" => [.. Rows(data).Select(row => (object)new Meteor(Number(result, "alpha", 0.9), Number(result, "beta", 3), Number(result, "gamma", 0.5)).Score(row.Prediction, row.References))],
            "text_distance" => metric == "exact_match" ? Matches(data, result) : null,
            "perplexity" => Likelihood(data, metric),
            _ => Significance(data, metric),
        };
    }

    private static object[] Corpus(JsonElement data, JsonElement result, string metric)
    {
        CorpusMetric own = metric.Contains("bleu", StringComparison.Ordinal) ? new Bleu(Bleu(result)) : metric.Contains("chrf", StringComparison.Ordinal) ? new Chrf(Chrf(result)) : new Ter(Edits(result));
        (string Prediction, string[] References)[] rows = [.. Rows(data)];
        if (metric.StartsWith("sentence_", StringComparison.Ordinal)) return [.. rows.Select(row => (object)own.Sentence(row.Prediction, row.References))];
        // In the batches of the file; a batch may be empty.
        var accumulator = new CorpusAccumulator(own);
        int start = 0;
        foreach (int count in data.GetProperty("batches").EnumerateArray().Select(item => item.GetInt32()))
        {
            foreach ((string prediction, string[] references) in rows.AsSpan(start, count)) accumulator.Add(prediction, references);
            start += count;
        }
        if (!accumulator.Score.Equals(own.Corpus([.. rows.Select(row => row.Prediction)], [.. rows.Select(row => row.References)]))) return ["batches change the score"];
        if (own is not Bleu bleu) return own is Ter ? [accumulator.Score, .. accumulator.Statistics.Select((value, i) => (object)(i == 0 ? value : value))] : [accumulator.Score];
        BleuScore score = bleu.Describe(accumulator.Statistics);
        return [score.Score, .. score.Precisions.Cast<object>(), .. score.Matches.Cast<object>(), .. score.Totals.Cast<object>(), score.BrevityPenalty, score.PredictionLength, score.ReferenceLength];
    }

    private static object[] Overlap(JsonElement data, JsonElement result, string metric)
    {
        RougeKind kind = metric switch { "rougeL" => RougeKind.L, "rougeLsum" => RougeKind.LSum, _ => RougeKind.N(metric[^1] - '0') };
        var accumulator = new RougeAccumulator(new Rouge(kind, Flag(result, "use_stemmer")));
        OverlapScore[] each = [.. Rows(data).Select(row => accumulator.Add(row.Prediction, row.References))];
        return [.. each.Prepend(accumulator.Mean).SelectMany(score => new object[] { score.Precision, score.Recall, score.F1 })];
    }

    private static object[] Matches(JsonElement data, JsonElement result)
    {
        var accumulator = new MatchAccumulator(Flag(result, "ignore_case"));
        foreach ((string prediction, string[] references) in Rows(data)) accumulator.AddText(prediction, references);
        return [accumulator.ExactMatch];
    }

    private static object[]? Likelihood(JsonElement data, string metric)
    {
        double[][] sequences = [.. data.GetProperty("log_probabilities").EnumerateArray().Select(row => GoldenMetricTests.Numbers(row).ToArray())];
        int[]? bytes = data.TryGetProperty("utf8_bytes", out JsonElement lengths) ? [.. lengths.EnumerateArray().Select(item => item.GetInt32())] : null;
        var accumulator = new LikelihoodAccumulator();
        var each = new List<double>();
        for (int i = 0; i < sequences.Length; i++)
        {
            accumulator.Add(sequences[i].Sum(), sequences[i].Length, bytes?[i]);
            if (metric is not ("perplexity_of_each" or "mean_of_perplexities")) continue;
            var alone = new LikelihoodAccumulator();
            alone.Add(sequences[i].Sum(), sequences[i].Length);
            each.Add(alone.Perplexity);
        }
        return metric switch
        {
            "negative_log_likelihood_per_token" => [accumulator.NegativeLogLikelihood],
            "perplexity" => [accumulator.Perplexity],
            "perplexity_of_each" => [.. each.Cast<object>()],
            "mean_of_perplexities" => [each.Average()],
            "bits_per_token" => [accumulator.BitsPerToken],
            "bits_per_byte" => [accumulator.BitsPerByte],
            _ => null,
        };
    }

    private static object[]? Significance(JsonElement data, string metric)
    {
        if (data.GetProperty("kind").GetString() != "paired_bootstrap") return null;
        CorpusMetric own = data.GetProperty("id").GetString()!.Contains("bleu", StringComparison.Ordinal) ? new Bleu() : new Chrf();
        string[][] references = [.. data.GetProperty("references").EnumerateArray().Select(References)];
        IReadOnlyList<double>[] Counts(string name) => [.. data.GetProperty(name).EnumerateArray().Select((text, i) => own.Statistics(text.GetString()!, references[i]))];
        IReadOnlyList<double>[] baseline = Counts("baseline"), system = Counts("system");
        BootstrapComparison comparison = PairedBootstrap.Compare(own, baseline, system, [.. data.GetProperty("resamples").EnumerateArray().Select(row => row.EnumerateArray().Select(item => item.GetInt32()).ToArray())]);
        return metric switch
        {
            "p_value" => [comparison.PValue],
            "segment_statistics" => [.. baseline.Concat(system).SelectMany(counts => counts).Cast<object>()],
            _ when metric.EndsWith("_of_resamples", StringComparison.Ordinal) => [.. comparison.BaselineResamples.Concat(comparison.SystemResamples).Cast<object>()],
            _ => [comparison.Baseline, comparison.System],
        };
    }

    private static IEnumerable<(string Prediction, string[] References)> Rows(JsonElement data) => data.GetProperty("predictions").EnumerateArray()
        .Zip(data.GetProperty("references").EnumerateArray(), (prediction, references) => (prediction.GetString()!, References(references)));

    private static string[] References(JsonElement references) => references.ValueKind == JsonValueKind.String ? [references.GetString()!] : [.. references.EnumerateArray().Select(text => text.GetString()!)];

    private static BleuOptions Bleu(JsonElement result) => new()
    {
        Tokenization = result.TryGetProperty("tokenize", out _) ? Tokenization(result) : BleuTokenization.V13a,
        LowerCase = Flag(result, "lowercase"),
        HighestNGram = (int)Number(result, "max_ngram_order", 4),
        Smoothing = (result.TryGetProperty("smooth_method", out JsonElement method) ? method.GetString() : "exp") switch
        {
            "exp" => BleuSmoothing.Exponential, "floor" => BleuSmoothing.Floor, "add-k" => BleuSmoothing.AddK, _ => BleuSmoothing.None,
        },
        SmoothingValue = result.TryGetProperty("smooth_value", out JsonElement value) ? value.GetDouble() : null,
        EffectiveOrder = Flag(result, "effective_order"),
    };

    private static ChrfOptions Chrf(JsonElement result) => new()
    {
        CharacterOrder = (int)Number(result, "char_order", 6), WordOrder = (int)Number(result, "word_order", 0), Beta = Number(result, "beta", 2),
        LowerCase = Flag(result, "lowercase"), WhiteSpace = Flag(result, "whitespace"), EpsilonSmoothing = Flag(result, "eps_smoothing"),
    };

    private static TerOptions Edits(JsonElement result) => new()
    {
        Normalized = Flag(result, "normalized"), WithoutPunctuation = Flag(result, "no_punct"), Asian = Flag(result, "asian_support"), CaseSensitive = Flag(result, "case_sensitive"),
    };

    private static BleuTokenization Tokenization(JsonElement result) => result.GetProperty("tokenize").GetString() switch
    {
        "13a" => BleuTokenization.V13a, "intl" => BleuTokenization.International, "zh" => BleuTokenization.Chinese, "char" => BleuTokenization.Characters, _ => BleuTokenization.None,
    };

    private static bool Flag(JsonElement result, string name) => result.TryGetProperty(name, out JsonElement value) && value.GetBoolean();

    private static double Number(JsonElement result, string name, double fallback) => result.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : fallback;
}
