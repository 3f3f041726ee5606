using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Tasks;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>How much of a micro-batch is computed at once: all of it, until memory ends; from then on parts, whose gradients add up to the same.</summary>
internal sealed class MicroBatches(TunableModel model)
{
    private long _most = long.MaxValue;
    private PlannedBatch _current;
    private Action<RunParts>? _learn;
    private bool _isStale;

    /// <summary>What sees whether the address space has room. Null: it has no limit.</summary>
    public AddressRoom? Room { get; init; }

    /// <summary>The parts of a micro-batch, in order; one where it fits.</summary>
    public IEnumerable<PlannedBatch> Parts(PlannedBatch planned)
    {
        int rows = (int)Math.Clamp(_most / Math.Max(1, planned.PaddedLength), 1, planned.Rows.Length);
        foreach (int[] part in planned.Rows.Chunk(rows)) yield return _current = planned with { Rows = part };
    }

    /// <summary>
    /// Has it measured what passes take, up to the largest, before gradients are gathered next; does nothing where the address space has no limit.
    /// </summary>
    /// <param name="lengths">Of all rows.</param>
    /// <param name="largest">The largest micro-batch.</param>
    /// <param name="pass">Adds the gradients of a batch.</param>
    public void Learn(IReadOnlyList<int> lengths, PlannedBatch largest, Action<PlannedBatch> pass)
    {
        if (Room is not null) (_learn, _isStale) = (run => Learn(run, AddressRoom.Ladder(lengths, Parts(largest).First()), pass), true);
    }

    /// <summary>Sees that the address space has room for a pass, where it is limited.</summary>
    public void Require(RunParts run, PlannedBatch part) => Room?.Require(part, run.Gradients.Bytes(), run.Passes);

    /// <summary>
    /// Computes the gradients of a window. Where memory ends, what was added so far is forgotten, and the window begins again with less at once: smaller parts,
    /// then without what gradient checkpointing leaves out.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="window">Adds the gradients of the whole window.</param>
    /// <exception cref="TrainingMemoryException">Less at once is not possible.</exception>
    public T Gather<T>(RunParts run, Func<T> window)
    {
        while (true)
        {
            try
            {
                if (_isStale) _learn!(run);
                _isStale = false;
                return window();
            }
            catch (Exception failure) when (MemoryFailure.Is(failure))
            {
                BackwardFaults.Forget();
                run.Gradients.Clear();
                ProcessMemory.Trim();
                Relieve(run, failure);
            }
        }
    }

    private void Learn(RunParts run, IEnumerable<PlannedBatch> ladder, Action<PlannedBatch> pass)
    {
        Room!.Forget();
        foreach (PlannedBatch part in ladder)
        {
            _current = part;
            Room.Learn(part, () =>
            {
                pass(part);
                run.Gradients.Clear();
            });
        }
    }

    private void Relieve(RunParts run, Exception failure)
    {
        (int rows, int length) = (_current.Rows?.Length ?? 0, _current.PaddedLength);
        string room = failure is InsufficientMemoryException ? $" ({failure.Message})" : "", size = $"memory ended at {rows} rows of {length} tokens{room}";
        if (rows > 1 && model.LossAddsOverRows)
        {
            _most = (long)rows / 2 * length;
            run.Record.Warn($"{size}: from step {run.Record.Steps + 1} on at most {_most} tokens are computed at once, with the same effective batch; "
                + "smaller micro-batches (BatchSize) and more of them (Accumulation) would save the attempts");
        }
        else if (run.RecomputeAll())
        {
            _isStale = Room is not null;
            run.Record.Warn($"{size}: from step {run.Record.Steps + 1} on all layers are computed again in the backward pass (WithGradientCheckpointing)");
        }
        else
        {
            string cannot = model.LossAddsOverRows ? "less at once is not possible"
                : "the loss compares the rows of a batch, which cannot be computed in parts";
            throw new TrainingMemoryException($"{size} in step {run.Record.Steps + 1}, with gradient checkpointing, and {cannot}: "
                + $"shorten the texts, freeze more, train an adapter, or choose a smaller BatchSize ({run.Options.BatchSize})", failure);
        }
    }
}
