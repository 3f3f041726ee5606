using FineTuning.Batching;

namespace FineTuning.Strategies;

/// <summary>
/// Every new row once an epoch, and batches of old rows evenly between: old tasks take turns, and each goes through its own rows over the epochs.
/// </summary>
/// <param name="own">The lengths of the new rows, which stand first in the joined set.</param>
/// <param name="kept">Those of each old task's.</param>
/// <param name="rules">How rows are put into batches.</param>
/// <param name="share">The share of the batches that are old ones, above 0 and below 1.</param>
internal sealed class ReplayPlan(IReadOnlyList<int> own, IReadOnlyList<IReadOnlyList<int>> kept, BatchRules rules, double share) : IEpochPlan
{
    private readonly EpochPlan _own = new(own, rules);
    private readonly EpochPlan[] _kept = [.. kept.Select(lengths => new EpochPlan(lengths, rules))];

    /// <summary>Old batches of an epoch.</summary>
    public int Replayed { get; } = Math.Max(1, (int)Math.Round(BatchPlan.Count(own, rules) * share / (1 - share), MidpointRounding.AwayFromZero));

    public int Count => _own.Count + Replayed;

    public IReadOnlyList<PlannedBatch> Of(long seed, long epoch)
    {
        IReadOnlyList<PlannedBatch> fresh = _own.Of(seed, epoch);
        var batches = new List<PlannedBatch>(Count);
        var passes = new (long Pass, IReadOnlyList<PlannedBatch>? Batches)[_kept.Length];
        long turn = epoch * Replayed;
        for (int i = 0, next = 0; i < Count; i++)
        {
            bool isOld = (long)(i + 1) * Replayed / Count > (long)i * Replayed / Count;
            batches.Add(isOld ? Old(turn++) : fresh[next++]);
        }
        return batches;

        PlannedBatch Old(long number)
        {
            (long round, long task) = Math.DivRem(number, _kept.Length);
            (long pass, long index) = Math.DivRem(round, _kept[task].Count);
            if (passes[task].Batches is null || passes[task].Pass != pass) passes[task] = (pass, _kept[task].Of(seed + 1 + task, pass));
            int first = own.Count + kept.Take((int)task).Sum(lengths => lengths.Count);
            PlannedBatch batch = passes[task].Batches![(int)index];
            return batch with { Rows = [.. batch.Rows.Select(row => row + first)] };
        }
    }
}
