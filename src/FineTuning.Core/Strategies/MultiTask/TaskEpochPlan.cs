using FineTuning.Batching;

namespace FineTuning.Strategies;

/// <summary>Batches of one task each. A task goes through its own data, shuffled again each time, whatever its share of an epoch is.</summary>
/// <param name="tasks">The lengths of the tasks' rows.</param>
/// <param name="rules">How rows are put into batches.</param>
/// <param name="sampling">The tasks' shares.</param>
/// <param name="epochs">Of the run: annealed sampling ends with it.</param>
/// <param name="together">Whether each step takes a batch of each task: they then take turns.</param>
internal sealed class TaskEpochPlan(IReadOnlyList<IReadOnlyList<int>> tasks, BatchRules rules, TaskSampling sampling, long epochs, bool together)
    : IEpochPlan
{
    private readonly bool _shuffles = rules.Shuffle;
    private readonly int[] _first = FirstRows(tasks);
    private readonly EpochPlan[] _plans = [.. tasks.Select(lengths => new EpochPlan(lengths, rules))];

    public int Count { get; } = CountOf(tasks, rules, together);

    public IReadOnlyList<PlannedBatch> Of(long seed, long epoch)
    {
        long[] done = new long[_plans.Length];
        for (long earlier = 0; earlier < epoch; earlier++)
        {
            int[] counts = Counts(earlier);
            for (int task = 0; task < counts.Length; task++) done[task] += counts[task];
        }
        int[][] order = [.. Counts(epoch).Select((count, task) => Enumerable.Repeat(task, count).ToArray())];
        int[] turns = together ? [.. Enumerable.Range(0, Count).Select(i => i % _plans.Length)] : [.. order.SelectMany(task => task)];
        if (!together && _shuffles) turns = [.. Permutation.Of(Count, seed, epoch, 2).Select(i => turns[i])];
        var batches = new List<PlannedBatch>(Count);
        var passes = new (long Pass, IReadOnlyList<PlannedBatch> Batches)[_plans.Length];
        foreach (int task in turns)
        {
            (long pass, long index) = Math.DivRem(done[task]++, _plans[task].Count);
            if (passes[task].Batches is null || passes[task].Pass != pass) passes[task] = (pass, _plans[task].Of(seed + task, pass));
            PlannedBatch batch = passes[task].Batches[(int)index];
            batches.Add(new([.. batch.Rows.Select(row => row + _first[task])], batch.PaddedLength));
        }
        return batches;
    }

    /// <summary>How many batches each task has in an epoch: whole parts first, then one each for the largest remainders.</summary>
    internal int[] Counts(long epoch)
    {
        double[] shares = together ? [.. tasks.Select(_ => 1.0 / tasks.Count)] : sampling.Shares([.. tasks.Select(task => task.Count)], epoch, epochs);
        // Proportional to rows is each task's own number of batches, which the remainders of its last batch would blur.
        if (!together && sampling == TaskSampling.Proportional) return [.. _plans.Select(plan => plan.Count)];
        int[] counts = [.. shares.Select(share => Math.Max(1, (int)Math.Floor(share * Count)))];
        int[] byRemainder = [.. Enumerable.Range(0, counts.Length).OrderByDescending(task => (shares[task] * Count) - counts[task]).ThenBy(task => task)];
        for (int i = 0; counts.Sum() < Count; i = (i + 1) % counts.Length) counts[byRemainder[i]]++;
        while (counts.Sum() > Count) counts[Array.IndexOf(counts, counts.Max())]--;
        return counts;
    }

    private static int CountOf(IReadOnlyList<IReadOnlyList<int>> tasks, BatchRules rules, bool together)
    {
        int all = tasks.Sum(lengths => BatchPlan.Count(lengths, rules));
        return together ? (all + tasks.Count - 1) / tasks.Count * tasks.Count : all;
    }

    private static int[] FirstRows(IReadOnlyList<IReadOnlyList<int>> tasks)
    {
        var first = new int[tasks.Count];
        for (int task = 1; task < first.Length; task++) first[task] = first[task - 1] + tasks[task - 1].Count;
        return first;
    }
}
