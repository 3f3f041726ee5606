using System.Diagnostics;
using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Suites;

/// <summary>Whole training steps of one head over fixed batches: collation, forward, backward, clipping, optimizer.</summary>
internal sealed class HeadStep : IDisposable
{
    private readonly TunableModel _model;
    private readonly RowSet _rows;
    private readonly PlannedBatch[] _batches;
    private readonly OptimizerState _state;
    private readonly GradientStep _gradients;
    private readonly IDisposable _owner;
    private long _step;

    private HeadStep(string name, TunableModel model, RowSet rows, int batchSize, IDisposable owner)
    {
        (Name, _model, _rows, _owner) = (name, model, rows, owner);
        // As the loop plans them, but always the same: only the head differs between two measurements.
        _batches = [.. BatchPlan.Of(rows.Lengths, new BatchRules(batchSize, null, true, false, 4, rows.Lengths.Max()), 1, 0)];
        var options = new TrainingOptions();
        _state = options.Optimizer.CreateState();
        _gradients = new GradientStep(options, _state);
        _gradients.Regroup(model.Weights);
    }

    public string Name { get; }

    /// <summary>Tokens that are not padding, of all steps.</summary>
    public long Tokens { get; private set; }

    /// <summary>Seconds of all steps.</summary>
    public double Seconds { get; private set; }

    /// <summary>Seconds of processor time of all steps and all threads: what other programs do hardly changes it.</summary>
    public double ProcessorSeconds { get; private set; }

    /// <param name="name">What it is called.</param>
    /// <param name="model">The head.</param>
    /// <param name="examples">What it learns from.</param>
    /// <param name="batchSize">Examples a step.</param>
    /// <param name="owner">What owns the weights, where that is not the model itself.</param>
    public static HeadStep Of<TExample>(string name, TunableModel<TExample> model, IEnumerable<TExample> examples, int batchSize, IDisposable? owner = null) =>
        new(name, model, RowSet.Encode(model, examples, name, null, CancellationToken.None), batchSize, owner ?? model);

    /// <summary>The next step; its loss.</summary>
    public double Run()
    {
        long started = Stopwatch.GetTimestamp();
        TimeSpan used = Environment.CpuUsage.TotalTime;
        using var scope = NewDisposeScope();
        PlannedBatch planned = _batches[_step++ % _batches.Length];
        Batch batch = _model.Collate([.. planned.Rows.Select(place => _rows.Rows[place])], planned.PaddedLength, new BatchMoment(42, _step));
        double loss = _model.AddGradients(batch, ForwardContext.For(new DropoutStream(42, _step, 0), Precision.Float32));
        double norm = _gradients.Norm(batch.TargetCount);
        _gradients.Apply(5e-5, batch.TargetCount, norm);
        _gradients.Clear();
        Seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        ProcessorSeconds += (Environment.CpuUsage.TotalTime - used).TotalSeconds;
        Tokens += batch.RealTokens;
        return loss / batch.TargetCount;
    }

    /// <summary>Forgets what was measured.</summary>
    public void Reset() => (Tokens, Seconds, ProcessorSeconds) = (0, 0, 0);

    public void Dispose()
    {
        _state.Dispose();
        _owner.Dispose();
    }
}
