using CsCheck;
using FineTuning.Batching;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Laws of the order and the batches of an epoch, for any lengths and rules.</summary>
public sealed class BatchPlanTests
{
    private static readonly Gen<(int[] Lengths, BatchRules Rules, long Seed, int Epoch)> Plans =
        from lengths in Gen.Int[1, 128].Array[1, 400]
        from size in Gen.Int[1, 40]
        from budget in Gen.OneOf(Gen.Const((int?)null), Gen.Int[1, 600].Select(tokens => (int?)tokens))
        from grouped in Gen.Bool
        from shuffled in Gen.Bool
        from multiple in Gen.Int[1, 16]
        from seed in Gen.Long
        from epoch in Gen.Int[0, 5]
        select (lengths, new BatchRules(size, budget, grouped, shuffled, multiple, lengths.Max()), seed, epoch);

    [Fact]
    public void Every_row_stands_in_one_batch_that_keeps_the_rules() => Plans.Sample(plan =>
    {
        IReadOnlyList<PlannedBatch> batches = BatchPlan.Of(plan.Lengths, plan.Rules, plan.Seed, plan.Epoch);
        Assert.Equal(Enumerable.Range(0, plan.Lengths.Length), batches.SelectMany(batch => batch.Rows).Order());
        Assert.All(batches, batch =>
        {
            int longest = batch.Rows.Max(row => plan.Lengths[row]);
            Assert.InRange(batch.Rows.Length, 1, plan.Rules.BatchSize);
            Assert.InRange(batch.PaddedLength, longest, longest + plan.Rules.PadToMultipleOf - 1);
            Assert.True(batch.PaddedLength % plan.Rules.PadToMultipleOf == 0 || batch.PaddedLength == plan.Rules.LengthLimit);
            if (plan.Rules.TokenBudget is { } budget) Assert.True(batch.Rows.Length == 1 || batch.Rows.Length * batch.PaddedLength <= budget);
        });
    });

    [Fact]
    public void The_order_is_a_function_of_seed_and_epoch_and_its_batches_are_as_many_in_every_epoch() => Plans.Sample(plan =>
    {
        static IEnumerable<int> Order(IReadOnlyList<PlannedBatch> batches) => batches.SelectMany(batch => batch.Rows);
        IReadOnlyList<PlannedBatch> once = BatchPlan.Of(plan.Lengths, plan.Rules, plan.Seed, plan.Epoch), again = BatchPlan.Of(plan.Lengths, plan.Rules, plan.Seed, plan.Epoch);
        Assert.Equal(Order(once), Order(again));
        // A budget cuts batches where they are full, which follows the order unless rows are sorted.
        if (plan.Rules.TokenBudget is null || plan.Rules.GroupByLength) Assert.Equal(BatchPlan.Count(plan.Lengths, plan.Rules), once.Count);
    });

    [Fact]
    public void Epochs_and_seeds_differ_and_without_shuffling_they_do_not()
    {
        int[] lengths = [.. Enumerable.Range(0, 300).Select(i => 1 + (i * 37 % 64))];
        var rules = new BatchRules(16, null, GroupByLength: true, Shuffle: true, 1, 64);
        int[] Order(BatchRules own, long seed, int epoch) => [.. BatchPlan.Of(lengths, own, seed, epoch).SelectMany(batch => batch.Rows)];
        Assert.NotEqual(Order(rules, 1, 0), Order(rules, 1, 1));
        Assert.NotEqual(Order(rules, 1, 0), Order(rules, 2, 0));
        BatchRules fixedOrder = rules with { Shuffle = false, GroupByLength = false };
        Assert.Equal(Enumerable.Range(0, 300), Order(fixedOrder, 1, 3));
    }

    [Fact]
    public void Grouping_leaves_next_to_no_padding_and_is_still_shuffled()
    {
        var random = new Random(3);
        int[] lengths = [.. Enumerable.Range(0, 4096).Select(_ => 4 + (int)(60 * Math.Pow(random.NextDouble(), 2)))];
        double Padding(BatchRules rules)
        {
            IReadOnlyList<PlannedBatch> batches = BatchPlan.Of(lengths, rules, 1, 0);
            return 1 - (lengths.Sum() / (double)batches.Sum(batch => (long)batch.PaddedLength * batch.Rows.Length));
        }
        var grouped = new BatchRules(32, null, GroupByLength: true, Shuffle: true, 1, 64);
        Assert.True(Padding(grouped) < 0.05, $"{Padding(grouped):P1}");
        Assert.True(Padding(grouped with { GroupByLength = false }) > 0.4);
        int[] first = [.. BatchPlan.Of(lengths, grouped, 1, 0).Select(batch => batch.PaddedLength)];
        Assert.NotEqual(first.Order(), first);
        Assert.NotEqual(first.OrderDescending(), first);
    }

    [Fact]
    public void Lengths_that_are_counted_and_lengths_that_are_sorted_give_one_order() => Plans.Sample(plan =>
    {
        // A thousand times as long is the same order, and too long to be counted.
        const int Times = 1000;
        BatchRules rules = plan.Rules with { PadToMultipleOf = 1 };
        BatchRules longer = rules with { TokenBudget = rules.TokenBudget * Times, LengthLimit = rules.LengthLimit * Times };
        IReadOnlyList<PlannedBatch> counted = BatchPlan.Of(plan.Lengths, rules, plan.Seed, plan.Epoch);
        IReadOnlyList<PlannedBatch> sorted = BatchPlan.Of([.. plan.Lengths.Select(length => length * Times)], longer, plan.Seed, plan.Epoch);
        Assert.Equal(counted.SelectMany(batch => batch.Rows), sorted.SelectMany(batch => batch.Rows));
        Assert.Equal(counted.Select(batch => batch.PaddedLength * Times), sorted.Select(batch => batch.PaddedLength));
    });
}
