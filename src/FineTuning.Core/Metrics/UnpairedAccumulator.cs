namespace FineTuning.Metrics;

/// <summary>What tuning on labelled completions reports: rewards of both kinds, and how far the model has moved. Counts and sums, never all rows.</summary>
internal sealed class UnpairedAccumulator
{
    private const string NoneOfAKind = "one kind of completion does not occur";

    private double _loss, _chosen, _rejected, _drift;
    private long _desirable, _undesirable;

    /// <summary>Adds a batch.</summary>
    /// <param name="loss">The sum of the rows' losses.</param>
    /// <param name="rewards">The reward of each row.</param>
    /// <param name="desirable">Whether each row is desirable.</param>
    /// <param name="drift">The sum of the log-ratios of completions of other prompts; NaN: it is not measured.</param>
    public void Add(double loss, ReadOnlySpan<float> rewards, ReadOnlySpan<bool> desirable, double drift)
    {
        for (int i = 0; i < rewards.Length; i++)
        {
            if (desirable[i]) (_chosen, _desirable) = (_chosen + rewards[i], _desirable + 1);
            else (_rejected, _undesirable) = (_rejected + rewards[i], _undesirable + 1);
        }
        (_loss, _drift) = (_loss + loss, _drift + drift);
    }

    /// <summary>
    /// The means over all rows: <c>loss</c>, <c>rewards_chosen</c>, <c>rewards_rejected</c>, <c>rewards_margin</c>, and <c>kl</c> where it is measured.
    /// </summary>
    public MetricReport Report()
    {
        double rows = _desirable + _undesirable, chosen = _chosen / _desirable, rejected = _rejected / _undesirable;
        MetricValue[] values =
        [
            MetricValue.Lower("loss", _loss / rows), MetricValue.Higher("rewards_chosen", chosen, NoneOfAKind),
            MetricValue.Lower("rewards_rejected", rejected, NoneOfAKind), MetricValue.Higher("rewards_margin", chosen - rejected, NoneOfAKind),
        ];
        return new(double.IsNaN(_drift) ? values : [.. values, MetricValue.Neither("kl", Math.Max(0, _drift / rows))]);
    }
}
