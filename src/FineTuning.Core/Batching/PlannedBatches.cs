using System.Collections;

namespace FineTuning.Batching;

/// <summary>The batches of an epoch, each made when it is asked for: no object a batch is kept.</summary>
/// <param name="order">All rows.</param>
/// <param name="ends">Where each batch ends in them.</param>
/// <param name="batches">The order of the batches; null: as they are.</param>
/// <param name="padded">Tokens a row of the batch between two positions of the order.</param>
internal sealed class PlannedBatches(int[] order, int[] ends, int[]? batches, Func<int, int, int> padded) : IReadOnlyList<PlannedBatch>
{
    public int Count => ends.Length;

    public PlannedBatch this[int index]
    {
        get
        {
            int batch = batches is null ? index : batches[index];
            int start = batch == 0 ? 0 : ends[batch - 1];
            return new(order[start..ends[batch]], padded(start, ends[batch]));
        }
    }

    public IEnumerator<PlannedBatch> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
