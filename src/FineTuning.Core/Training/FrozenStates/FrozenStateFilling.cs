using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>The passes over all rows of a run that let their states be kept: the longest first, the same order whatever the run has done.</summary>
/// <param name="run">The run.</param>
/// <param name="states">Keep what the passes compute.</param>
internal sealed class FrozenStateFilling(RunParts run, IFrozenStates states)
{
    // Enough for matrix products, and little padding.
    private const int TokensInABatch = 512, RowsInABatch = 128, Multiple = 4;

    private readonly List<(RowSet Rows, PlannedBatch Batch, bool Trains)> _batches = Plan(run);
    private int _next;

    /// <summary>How many rows there are.</summary>
    public int Rows { get; } = run.Record.Rows.Train.Rows.Count + (run.Record.Rows.Validation?.Rows.Count ?? 0);

    /// <summary>How many of them are done.</summary>
    public int Done { get; private set; }

    /// <summary>Whether one batch is done.</summary>
    public bool IsFirst => _next == 1;

    /// <summary>Computes a batch; false where all are done.</summary>
    public bool Next()
    {
        if (_next == _batches.Count) return false;
        (RowSet rows, PlannedBatch planned, bool trains) = _batches[_next++];
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        EncodedRow[] own = [.. planned.Rows.Select(index => rows.Rows[index])];
        TunableModel model = run.Model;
        Batch batch = trains ? model.Collate(own, planned.PaddedLength, new BatchMoment(run.Options.Seed, 0)) : model.Collate(own, planned.PaddedLength);
        // The loss is of no use: the head is computed since it alone knows what of the trunk it reads.
        if (batch.TargetCount > 0) model.SumLoss(batch, ForwardContext.For(null, trains ? run.Options.Precision : Precision.Float32, null, states));
        Done += own.Length;
        return true;
    }

    /// <summary>Bytes of all rows, from those of the batches so far.</summary>
    /// <param name="seen">Bytes of one vector a row, and of all tokens.</param>
    public long Forecast((long Vectors, long Tokens) seen)
    {
        double rows = 0, tokens = 0, rowsSeen = 0, tokensSeen = 0;
        for (int i = 0; i < _batches.Count; i++)
        {
            (RowSet set, PlannedBatch batch, _) = _batches[i];
            (int count, long length) = (batch.Rows.Length, batch.Rows.Sum(index => (long)set.Lengths[index]));
            (rows, tokens) = (rows + count, tokens + length);
            if (i < _next) (rowsSeen, tokensSeen) = (rowsSeen + count, tokensSeen + length);
        }
        return rowsSeen == 0 ? 0 : (long)((seen.Vectors * rows / rowsSeen) + (seen.Tokens * tokens / Math.Max(1, tokensSeen)));
    }

    private static List<(RowSet, PlannedBatch, bool)> Plan(RunParts run)
    {
        (RowSet train, RowSet? validation) = run.Record.Rows;
        var rules = new BatchRules(RowsInABatch, TokensInABatch, GroupByLength: true, Shuffle: false, Multiple, int.MaxValue);
        IEnumerable<(RowSet, PlannedBatch, bool)> Batches(RowSet rows, bool trains) =>
            BatchPlan.Of(rows.Lengths, rules with { LengthLimit = rows.Lengths.Max() }, 0, 0).OrderByDescending(batch => batch.PaddedLength)
                .Select(batch => (rows, batch, trains));
        return [.. Batches(train, true), .. validation is null ? [] : Batches(validation, false)];
    }
}
