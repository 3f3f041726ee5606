namespace FineTuning.Metrics;

/// <summary>
/// What preference tuning reports: rewards of both sides, how often the better one is higher, and by how much. Counts and sums, never all rows.
/// </summary>
internal sealed class PreferenceAccumulator
{
    private double _loss, _chosen, _rejected, _right;
    private long _pairs;

    /// <summary>Adds a batch.</summary>
    /// <param name="loss">The sum of the pairs' losses.</param>
    /// <param name="chosen">The reward of each chosen completion.</param>
    /// <param name="rejected">The reward of each rejected completion.</param>
    public void Add(double loss, ReadOnlySpan<float> chosen, ReadOnlySpan<float> rejected)
    {
        if (chosen.Length != rejected.Length)
            throw new ArgumentException($"there are {chosen.Length} rewards of chosen completions and {rejected.Length} of rejected ones", nameof(rejected));
        for (int i = 0; i < chosen.Length; i++)
        {
            _chosen += chosen[i];
            _rejected += rejected[i];
            if (chosen[i] > rejected[i]) _right++;
        }
        _loss += loss;
        _pairs += chosen.Length;
    }

    /// <summary>
    /// The means over all pairs: <c>loss</c>, <c>rewards_chosen</c>, <c>rewards_rejected</c>, <c>rewards_margin</c>, <c>rewards_accuracy</c>.
    /// </summary>
    public MetricReport Report() => new(
    [
        new("loss", _loss / _pairs, MetricDirection.Lower), MetricValue.Higher("rewards_chosen", _chosen / _pairs),
        new("rewards_rejected", _rejected / _pairs, MetricDirection.Lower), MetricValue.Higher("rewards_margin", (_chosen - _rejected) / _pairs),
        MetricValue.Higher("rewards_accuracy", _right / _pairs),
    ]);
}
