using System.Diagnostics;
using FineTuning.Diagnostics;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Keeps the hidden states below the lowest layer that trains, as long as that border stays, and follows it.</summary>
/// <remarks>
/// All rows are computed before the first step, in an order that the data alone decides: a run that is continued keeps the same bits. What is kept is no part
/// of the run's state, since it can be computed again.
/// </remarks>
internal sealed class KeptStates(FrozenStateOptions options) : LoopFeature, IFrozenStates
{
    // Those that are used, and those of them that were made here.
    private readonly List<FrozenStateSet> _own = [], _made = [];
    private Trunk? _trunk;
    private RunParts? _run;
    private string _weights = "";
    private bool _isFull;
    private long _missed;

    public Trunk Trunk => _trunk!;

    public FrozenLayers Layers { get; private set; }

    public bool IsFilling { get; private set; }

    /// <summary>Bytes of the rows that were seen while filling: of one vector each, and of all their tokens.</summary>
    public (long Vectors, long Tokens) Seen { get; private set; }

    public override void BeginEpoch(RunParts run, long epoch)
    {
        _run = run;
        _trunk = run.Model.Weights.Trunk;
        FrozenLayers layers = run.Model.FrozenLayers();
        // Nothing below the border changes while it stays.
        if (layers == Layers) return;
        Leave();
        Layers = layers;
        if (!layers.Any) return;
        long started = Stopwatch.GetTimestamp();
        string? reason = FrozenStateRules.WhyNot(run, layers, options, epoch) ?? Fill(run);
        run.Record.FrozenStates.Add(new FrozenStateUse(run.Record.Steps, layers.Count)
        {
            NotKept = reason, Rows = _own.Sum(set => set.Rows), Memory = _own.Sum(set => set.Memory), Disk = _own.Sum(set => set.Disk),
            Duration = Stopwatch.GetElapsedTime(started),
        });
        if (reason is null) run.Frozen = this;
        else Drop();
    }

    public Tensor Of(StateKind kind, RowKeys rows, Func<Tensor> compute)
    {
        FrozenStateSet set = _trunk!.FrozenStates.Set(kind, _weights, options.Stored == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
        if (!_own.Contains(set))
        {
            _own.Add(set);
            if (set.Rows == 0) _made.Add(set);
        }
        Tensor? states = set.Find(rows, _trunk.Device);
        if (!IsFilling)
        {
            if (states is null) _missed++;
            return states ?? compute();
        }
        if (states is null && !_isFull)
        {
            states = compute();
            _isFull = !set.Add(rows, states);
        }
        long bytes = rows.Lengths.Sum(length => (long)set.BytesOf(length));
        Seen = kind.IsVector ? (Seen.Vectors + bytes, Seen.Tokens) : (Seen.Vectors, Seen.Tokens + bytes);
        return states ?? compute();
    }

    /// <summary>Bytes of all rows, from those of one batch; no room is needed for more than that.</summary>
    public long Forecast(RunParts run)
    {
        Prepare(run);
        try
        {
            var filling = new FrozenStateFilling(run, this);
            filling.Next();
            return filling.Forecast(Seen);
        }
        finally
        {
            IsFilling = false;
            Drop();
        }
    }

    public override void End(RunParts run) => Leave();

    public override void Dispose()
    {
        if (_trunk is not null) Leave();
        base.Dispose();
    }

    private void Prepare(RunParts run)
    {
        (_run, _trunk) = (run, run.Model.Weights.Trunk!);
        Layers = run.Model.FrozenLayers();
        _weights = Convert.ToHexString(WeightHash.Digest(_trunk.WeightsBelow(Layers)));
        FrozenStateStore store = _trunk.FrozenStates;
        store.Budget.Memory = options.Memory ?? MemoryLimit.Current() / 4;
        store.Budget.Disk = options.Disk;
        store.Budget.Folder = options.Folder ?? Path.GetTempPath();
        // What lies below other states of so many layers or more has changed, or is about to.
        store.Drop((set, weights) => weights != _weights && set.Kind.Layers >= (set.Kind.IsDecoder ? Layers.Decoder : Layers.Encoder));
        (IsFilling, _isFull, Seen, _missed) = (true, false, default, 0);
    }

    // Null: all are kept; else why not.
    private string? Fill(RunParts run)
    {
        Prepare(run);
        try
        {
            var filling = new FrozenStateFilling(run, this);
            while (true)
            {
                try
                {
                    if (!filling.Next()) return null;
                }
                catch (IOException failure)
                {
                    return $"the file cannot be written: {failure.Message}";
                }
                if (run.IsEnding()) return "the run ends first";
                if (filling.IsFirst && TooLarge(run, filling.Forecast(Seen)) is { } problem) return problem;
                if (_isFull) return $"they take more than {_trunk!.FrozenStates.Budget.Memory >> 20} MB in memory and {options.Disk >> 20} MB on disk";
                // Outside: what a handler throws is no fault of the file.
                run.Record.NoteKept(filling.Done, filling.Rows);
            }
        }
        finally
        {
            IsFilling = false;
        }
    }

    private string? TooLarge(RunParts run, long bytes)
    {
        StateBudget budget = _trunk!.FrozenStates.Budget;
        long kept = _own.Sum(set => set.Memory + set.Disk);
        // States that no run asks for any more make room first.
        if (bytes - kept > budget.Room) _trunk.FrozenStates.Drop((set, _) => !_own.Contains(set));
        if (bytes - kept > budget.Room)
        {
            return $"they take about {bytes >> 20} MB, and FrozenStates allows {budget.Memory >> 20} MB in memory and {budget.Disk >> 20} MB on disk; "
                + "allow more, or keep them in bfloat16 (KeepFrozenStates)";
        }
        long inMemory = Math.Min(bytes, kept + Math.Max(0, budget.Memory - budget.UsedMemory));
        TrainingLog.KeepingStates(run.Record.Logger, Layers.Count, inMemory >> 20, (bytes - inMemory) >> 20);
        return null;
    }

    // The border moves, or the run ends.
    private void Leave()
    {
        if (_run is null) return;
        IList<FrozenStateUse> said = _run.Record.FrozenStates;
        if (ReferenceEquals(_run.Frozen, this))
        {
            _run.Frozen = null;
            said[^1] = said[^1] with { Missed = _missed };
        }
        if (options.KeepAfterRun) _made.Clear();
        Drop();
        Layers = default;
    }

    // What an earlier run left here for later ones stays.
    private void Drop()
    {
        _trunk?.FrozenStates.Drop((set, _) => _made.Contains(set));
        _own.Clear();
        _made.Clear();
    }
}
