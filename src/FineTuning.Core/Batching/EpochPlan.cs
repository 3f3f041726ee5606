namespace FineTuning.Batching;

/// <summary>The batches of each epoch of a run: as many in every epoch, so that a step says where in the data it stands.</summary>
internal interface IEpochPlan
{
    /// <summary>How many batches an epoch has.</summary>
    int Count { get; }

    /// <summary>The batches of an epoch in order: a pure function of seed and epoch.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">From 0.</param>
    IReadOnlyList<PlannedBatch> Of(long seed, long epoch);
}

/// <summary>Every row once an epoch.</summary>
/// <param name="lengths">The rows' lengths.</param>
/// <param name="rules">How rows are put into batches.</param>
internal sealed class EpochPlan(IReadOnlyList<int> lengths, BatchRules rules) : IEpochPlan
{
    public int Count { get; } = BatchPlan.Count(lengths, rules);

    public IReadOnlyList<PlannedBatch> Of(long seed, long epoch) => BatchPlan.Of(lengths, rules, seed, epoch);
}
