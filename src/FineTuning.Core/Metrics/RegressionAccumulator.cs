namespace FineTuning.Metrics;

/// <summary>Collects predicted numbers: two numbers a row, since rank correlations need them all.</summary>
/// <remarks>For one thread.</remarks>
public sealed class RegressionAccumulator
{
    private readonly List<double> _references = [];
    private readonly List<double> _predictions = [];

    /// <summary>Adds a row.</summary>
    /// <param name="reference">The true number.</param>
    /// <param name="predicted">The predicted one.</param>
    public void Add(double reference, double predicted)
    {
        _references.Add(reference);
        _predictions.Add(predicted);
    }

    /// <summary>The scores over all rows.</summary>
    /// <param name="loss">The mean loss.</param>
    /// <exception cref="InvalidOperationException">No row was added.</exception>
    public MetricReport Report(double loss)
    {
        if (_references.Count == 0) throw MetricErrors.NothingAdded("row");
        string? undefined = RegressionScores.WhyUndefined(_references, _predictions);
        return new(
        [
            MetricValue.Lower("loss", loss),
            MetricValue.Lower("mse", RegressionScores.MeanSquaredError(_references, _predictions)),
            MetricValue.Lower("mae", RegressionScores.MeanAbsoluteError(_references, _predictions)),
            MetricValue.Higher("r2", RegressionScores.R2(_references, _predictions, forceFinite: true), RegressionScores.TooFewRows),
            MetricValue.Higher("pearson", RegressionScores.PearsonOrNaN(_references, _predictions), undefined),
            MetricValue.Higher("spearman", RegressionScores.Spearman(_references, _predictions), undefined),
        ]);
    }
}
