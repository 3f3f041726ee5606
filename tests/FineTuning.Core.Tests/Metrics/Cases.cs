using System.Text.Json;
using FineTuning.Metrics;

namespace FineTuning.Tests.Metrics;

internal static class ClassificationCase
{
    public static double[]? Compute(JsonElement data, JsonElement result, string metric)
    {
        string[] predictions = Strings(data, "predictions"), references = Strings(data, "references");
        if (predictions.Length == 0 || predictions.Length != references.Length) throw new ArgumentException("no rows, or not as many predictions as references");
        double[] weights = data.TryGetProperty("sample_weight", out JsonElement given) ? [.. GoldenMetricTests.Numbers(given)] : [.. Enumerable.Repeat(1.0, predictions.Length)];
        string[] order = Strings(data, "label_order");
        // Rows with labels outside the order count as false for those inside.
        string[] all = [.. order, .. references.Concat(predictions).Except(order).Order(StringComparer.Ordinal)];
        var matrix = new ConfusionMatrix(all);
        for (int i = 0; i < predictions.Length; i++) matrix.Add(Array.IndexOf(all, references[i]), Array.IndexOf(all, predictions[i]), weights[i]);
        Hits[] hits = ClassificationScores.HitsOf(matrix)[..order.Length];
        double zero = GoldenMetricTests.ZeroDivision(result);
        double[] supports = [.. hits.Select(hit => hit.Support)];
        switch (metric)
        {
            case "accuracy": return [ClassificationScores.Accuracy(matrix)];
            case "accuracy_count": return [ClassificationScores.Accuracy(matrix) * matrix.Total];
            case "zero_one_loss": return [1 - ClassificationScores.Accuracy(matrix)];
            case "matthews_correlation": return [ClassificationScores.Matthews(matrix)];
            case "balanced_accuracy":
                double balanced = ClassificationScores.BalancedAccuracy(matrix, result.GetProperty("adjusted").GetBoolean());
                return [balanced];
            case "cohen_kappa":
                return [ClassificationScores.Kappa(matrix, result.GetProperty("weights").GetString() switch { "linear" => (i, j) => Math.Abs(i - j), "quadratic" => (i, j) => (i - j) * (i - j), _ => (i, j) => i == j ? 0 : 1 })];
            case "confusion_matrix": return result.TryGetProperty("normalize", out _) ? null : [.. Enumerable.Range(0, order.Length).SelectMany(i => Enumerable.Range(0, order.Length).Select(j => matrix[i, j]))];
            case "fbeta": return [Averaging.Macro(hits.Select(hit => hit.F(result.GetProperty("beta").GetDouble(), zero)))];
            case "jaccard": return [Average(result, hits, supports, hit => hit.Jaccard(zero))];
            case "precision_recall_f1" when result.GetProperty("average").GetString() == "binary":
                Hits positive = hits[Array.IndexOf(order, result.GetProperty("pos_label").ToString())];
                return [positive.Precision(zero), positive.Recall(zero), positive.F(1, zero)];
            case "precision_recall_f1" when result.GetProperty("average").GetString() == "none":
                return [.. hits.Select(hit => hit.Precision(zero)), .. hits.Select(hit => hit.Recall(zero)), .. hits.Select(hit => hit.F(1, zero)), .. supports];
            case "precision_recall_f1":
                return [Average(result, hits, supports, hit => hit.Precision(zero)), Average(result, hits, supports, hit => hit.Recall(zero)), Average(result, hits, supports, hit => hit.F(1, zero))];
            default: return null;
        }
    }

    internal static double Average(JsonElement result, IReadOnlyList<Hits> hits, double[] supports, Func<Hits, double> score) => result.GetProperty("average").GetString() switch
    {
        "micro" => score(hits.Aggregate(Hits.Add)),
        "weighted" => Averaging.Weighted([.. hits.Select(score)], supports),
        _ => Averaging.Macro(hits.Select(score)),
    };

    private static string[] Strings(JsonElement data, string name) => data.TryGetProperty(name, out JsonElement array) ? [.. array.EnumerateArray().Select(item => item.ToString())] : [];
}

internal static class MultiLabelCase
{
    public static double[]? Compute(JsonElement data, JsonElement result, string metric)
    {
        bool[][] Rows(string name) => [.. data.GetProperty(name).EnumerateArray().Select(row => row.EnumerateArray().Select(cell => cell.GetInt32() == 1).ToArray())];
        bool[][] references = Rows("references"), predictions = Rows("predictions");
        var scores = new MultiLabelScores(references[0].Length);
        for (int i = 0; i < references.Length; i++) scores.Add(references[i], predictions[i]);
        double zero = GoldenMetricTests.ZeroDivision(result);
        double[] supports = [.. scores.Labels.Select(hit => hit.Support)];
        double Average(Func<Hits, double> score) => result.GetProperty("average").GetString() == "samples" ? scores.Samples(score, zero) : ClassificationCase.Average(result, scores.Labels, supports, score);
        return metric switch
        {
            "subset_accuracy" => [scores.SubsetAccuracy],
            "hamming_loss" => [scores.HammingLoss],
            "jaccard" => [Average(hit => hit.Jaccard(zero))],
            "confusion_per_label" => [.. scores.Labels.SelectMany(hit => new[] { references.Length - hit.True - hit.FalsePositive - hit.FalseNegative, hit.FalsePositive, hit.FalseNegative, hit.True })],
            "precision_recall_f1" when result.GetProperty("average").GetString() == "none" =>
                [.. scores.Labels.Select(hit => hit.Precision(zero)), .. scores.Labels.Select(hit => hit.Recall(zero)), .. scores.Labels.Select(hit => hit.F(1, zero)), .. supports],
            "precision_recall_f1" => [Average(hit => hit.Precision(zero)), Average(hit => hit.Recall(zero)), Average(hit => hit.F(1, zero))],
            _ => null,
        };
    }
}

internal static class RegressionCase
{
    public static double[]? Compute(JsonElement data, JsonElement result, string metric)
    {
        double[] x = [.. GoldenMetricTests.Numbers(data.GetProperty("references"))], y = [.. GoldenMetricTests.Numbers(data.GetProperty("predictions"))];
        return metric switch
        {
            "mse" => [RegressionScores.MeanSquaredError(x, y)],
            "rmse" => [Math.Sqrt(RegressionScores.MeanSquaredError(x, y))],
            "mae" => [RegressionScores.MeanAbsoluteError(x, y)],
            "r2" => [RegressionScores.R2(x, y, !result.TryGetProperty("force_finite", out JsonElement force) || force.GetBoolean())],
            "explained_variance" => [RegressionScores.ExplainedVariance(x, y)],
            "max_error" => [RegressionScores.MaximumError(x, y)],
            "median_absolute_error" => [RegressionScores.MedianAbsoluteError(x, y)],
            "pearson" => [RegressionScores.Pearson(x, y)],
            "spearman" => [RegressionScores.Spearman(x, y)],
            "kendall_tau_b" => [RegressionScores.KendallB(x, y)],
            "kendall_tau_c" => [RegressionScores.KendallC(x, y)],
            _ => null,
        };
    }
}

internal static class CalibrationCase
{
    public static double[]? Compute(JsonElement data, JsonElement result, string metric)
    {
        if (metric is not ("expected_calibration_error" or "maximum_calibration_error" or "reliability")) return null;
        var bins = new CalibrationBins(result.GetProperty("bins").GetInt32());
        bool logits = data.TryGetProperty("logits", out JsonElement rows);
        if (!logits) rows = data.GetProperty("probabilities");
        int[] references = [.. data.GetProperty("references").EnumerateArray().Select(item => item.GetInt32())];
        int place = 0;
        foreach (JsonElement row in rows.EnumerateArray())
        {
            double[] values = [.. GoldenMetricTests.Numbers(row)];
            if (logits)
            {
                double highest = values.Max(), sum = values.Sum(value => Math.Exp(value - highest));
                values = [.. values.Select(value => Math.Exp(value - highest) / sum)];
            }
            int predicted = Array.IndexOf(values, values.Max());
            bins.Add(values[predicted], predicted == references[place++]);
        }
        return metric switch
        {
            "expected_calibration_error" => [bins.ExpectedError],
            "maximum_calibration_error" => [bins.MaximumError],
            _ => [.. bins.Counts.Select(count => (double)count), .. bins.Accuracies, .. bins.Confidences],
        };
    }
}
