using FineTuning.Adapters;
using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>Several heads on one trunk as one model: what the loop trains.</summary>
/// <remarks>
/// The loss of a step is the sum over its tasks of w p S / N: the task's sum of losses S over its own targets N in the step, its weight w, and the share p of
/// the step's batches that are the task's. The heads stay their owners'; disposing it frees what it has of its own.
/// </remarks>
internal sealed class MultiTaskModel : TunableModel
{
    private const string Precomputed = "precomputed/";

    private readonly IReadOnlyList<TaskEntry> _tasks;
    private readonly TaskBalancing _balancing;
    private readonly Weight[] _logVariances = [];
    private Dictionary<int, (double Targets, double Share)> _step = [];

    public MultiTaskModel(Trunk trunk, IReadOnlyList<TaskEntry> tasks, TaskBalancing balancing, AttachedAdapters? adapters = null)
        : this(trunk.Weights, trunk.Device, tasks, balancing, adapters)
    {
    }

    /// <param name="shared">What the tasks' models share.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="tasks">At least one.</param>
    /// <param name="balancing">How their losses are weighed.</param>
    /// <param name="adapters">Those of the tasks, with which the shared weights stay. Null: no task has one.</param>
    public MultiTaskModel(WeightSet shared, Device device, IReadOnlyList<TaskEntry> tasks, TaskBalancing balancing, AttachedAdapters? adapters = null)
    {
        (_tasks, _balancing, Device, Attached) = (tasks, balancing, device, adapters);
        Shared = shared;
        Weights = adapters?.Join() ?? WeightSet.Join(shared, tasks.Select(task => (task.Name, task.Model.Weights)));
        Factors = [.. tasks.Select(task => task.Weight / (balancing is OutputBalancing ? LossOfAGuess(task.Model.HeadOutputs) : 1))];
        Losses = new double[tasks.Count];
        if (balancing is not UncertaintyBalancing) return;
        _logVariances = [.. tasks.Select(task => Weights.Add($"{task.Name}/log_variance", zeros(1), WeightKind.Bias, Weights.HeadDepth))];
    }

    /// <summary>The trunk's weights.</summary>
    public WeightSet Shared { get; }

    /// <summary>The adapters of the tasks. Null: no task has one.</summary>
    public AttachedAdapters? Attached { get; }

    /// <summary>What each task's mean loss is multiplied by.</summary>
    public double[] Factors { get; }

    /// <summary>Each task's mean loss in the last step that had it, without its weight.</summary>
    public double[] Losses { get; }

    /// <summary>The tasks.</summary>
    public IReadOnlyList<TaskEntry> Tasks => _tasks;

    public override WeightSet Weights { get; }

    public override Device Device { get; }

    public override string PrimaryMetric => "score";

    public override int OutputsPerToken => _tasks.Max(task => task.Model.OutputsPerToken);

    /// <summary>The tasks' rows to learn from.</summary>
    public RowSet[] Train { get; set; } = [];

    /// <summary>The tasks' rows to evaluate on. Null where a task has none.</summary>
    public RowSet?[] Validation { get; set; } = [];

    /// <summary>What each task's evaluation gives, known before the run. Null where a task has no validation data.</summary>
    public MetricReport?[] Shapes { get; set; } = [];

    /// <summary>Learns which rows the next step has.</summary>
    public void BeginStep(IReadOnlyList<IReadOnlyList<EncodedRow>> batches)
    {
        var step = new Dictionary<int, (double Targets, double Share)>();
        foreach (IReadOnlyList<EncodedRow> rows in batches)
        {
            foreach (IGrouping<int, EncodedRow> group in rows.GroupBy(row => ((TaskRow)row).Task))
            {
                (double targets, double share) = step.GetValueOrDefault(group.Key);
                step[group.Key] = (targets + group.Sum(row => row.TargetCount), share + (group.Count() / (double)rows.Count / batches.Count));
            }
        }
        _step = step;
        Array.Clear(Losses);
    }

    /// <summary>The share of the step's batches that are a task's.</summary>
    public double ShareOf(int task) => _step.GetValueOrDefault(task).Share;

    /// <summary>The adapter of a task by its name; null: it has none.</summary>
    public BuiltAdapter? AdapterOf(string task) => Attached?.Of(IndexOf(task));

    /// <summary>What the mean loss of a task is multiplied by in the step that is computed; 0 where the step has none of it.</summary>
    public double PartOf(string task) => ShareOf(IndexOf(task)) * Factors[IndexOf(task)];

    /// <summary>Computes for a task, with its adapter where it has one.</summary>
    public T For<T>(int task, Func<T> compute)
    {
        Attached?.Enter(task);
        return compute();
    }

    internal override bool SwitchesTheTrunk => Attached is not null;

    // What all tasks have below them.
    internal override FrozenLayers FrozenLayers() => Attached is null ? base.FrozenLayers()
        : ByTask(_ => base.FrozenLayers()).Aggregate((one, other) => new(Math.Min(one.Encoder, other.Encoder), Math.Min(one.Decoder, other.Decoder)));

    internal override string? WhyStatesDiffer(FrozenLayers border) =>
        Attached is null ? base.WhyStatesDiffer(border) : ByTask(_ => base.WhyStatesDiffer(border)).FirstOrDefault(reason => reason is not null);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        Collate(rows, paddedLength, (task, own, length) => task.Collate(own, length));

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment) =>
        Collate(rows, paddedLength, (task, own, length) => task.Collate(own, length, moment));

    internal override string? WhyInputsChange => _tasks.Select(task => task.Model.WhyInputsChange).FirstOrDefault(reason => reason is not null);

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        TaskPart[] parts = [.. ((TaskBatch)batch).Parts.Where(part => part.Batch.TargetCount > 0)];
        // What is computed again in the backward pass is computed with the adapter that is attached then.
        if (Attached is not null && parts.Length > 1 && context.Recomputed is not null && is_grad_enabled())
            throw new InvalidOperationException("a batch of several tasks with adapters has its gradients task by task: AddGradients");
        return parts.Select(part => Loss(part, parts.Length == 1 ? context : context.Again()))
            .Aggregate((Tensor?)null, (sum, loss) => sum is null ? loss : sum.Plus(loss)) ?? zeros(1).sum(ScalarType.Float32);
    }

    public override double AddGradients(Batch batch, ForwardContext context)
    {
        TaskPart[] parts = [.. ((TaskBatch)batch).Parts.Where(part => part.Batch.TargetCount > 0)];
        if (Attached is null || parts.Length < 2) return base.AddGradients(batch, context);
        return parts.Sum(part => AddGradientsOf(Loss(part, context.Again())));
    }

    public override bool LossAddsOverRows => _tasks.All(task => task.Model.LossAddsOverRows);

    public override IEvaluation NewEvaluation() => new TaskEvaluation(this);

    public override void Calibrate(MetricReport metrics)
    {
        foreach (TaskEntry task in _tasks)
        {
            string prefix = task.Name + ".";
            MetricValue[] own = [.. metrics.Metrics.Where(metric => metric.Name.StartsWith(prefix, StringComparison.Ordinal))
                .Select(metric => metric with { Name = metric.Name[prefix.Length..] })];
            if (own.Length > 0) task.Model.Calibrate(new MetricReport(own));
        }
    }

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) => _tasks.SelectMany((task, index) => task.Model
        .WarningsAbout([.. rows.Where(row => ((TaskRow)row).Task == index).Select(row => ((TaskRow)row).Row)])
        .Select(warning => $"task '{task.Name}': {warning}"));

    internal override void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation)
    {
        try
        {
            for (int i = 0; i < _tasks.Count; i++)
            {
                Attached?.Enter(i);
                _tasks[i].Model.Precompute([.. Train[i].Rows, .. Validation[i]?.Rows ?? []], cancellation);
            }
        }
        finally
        {
            Attached?.Leave();
        }
    }

    internal override string? PrecomputedPath => _tasks.Any(task => task.Model.PrecomputedPath is not null) ? Precomputed : null;

    internal override void ExportPrecomputed(Action<string, Tensor> write)
    {
        foreach (TaskEntry task in _tasks) task.Model.ExportPrecomputed((name, value) => write($"{Precomputed}{task.Name}/{name}", value));
    }

    internal override void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault)
    {
        foreach (TaskEntry task in _tasks)
        {
            task.Model.ImportPrecomputed(name => read($"{Precomputed}{task.Name}/{name}"), problem => fault($"task '{task.Name}': {problem}"));
        }
    }

    /// <summary>Rows of one task or of several, each collated by its own model and padded for itself.</summary>
    private TaskBatch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, Func<TunableModel, IReadOnlyList<EncodedRow>, int, Batch> collate)
    {
        IGrouping<int, TaskRow>[] groups = [.. rows.Cast<TaskRow>().GroupBy(row => row.Task)];
        var parts = new List<TaskPart>(groups.Length);
        foreach (IGrouping<int, TaskRow> group in groups)
        {
            EncodedRow[] own = [.. group.Select(row => row.Row)];
            int length = groups.Length == 1 ? paddedLength : own.Max(row => row.Length);
            Batch batch = collate(_tasks[group.Key].Model, own, length);
            double counted = own.Sum(row => row.TargetCount), share = own.Length / (double)rows.Count, targets = batch.TargetCount;
            if (_step.TryGetValue(group.Key, out (double Targets, double Share) step) && step.Targets > 0)
            {
                // A batch that counts its targets itself stands for its rows' share of the step's.
                targets = counted > 0 ? step.Targets * batch.TargetCount / counted : batch.TargetCount;
                share = step.Share;
            }
            parts.Add(new(group.Key, batch, targets > 0 ? share * batch.TargetCount / targets : 0, targets, share));
        }
        return new(rows, parts, parts.Sum(part => part.Share));
    }

    // Among so many outputs; a single one is no choice, and its loss is as it is.
    private static double LossOfAGuess(int outputs) => outputs > 1 ? Math.Log(outputs) : 1;

    private int IndexOf(string task) => Enumerable.Range(0, _tasks.Count).First(i => _tasks[i].Name == task);

    private IEnumerable<T> ByTask<T>(Func<int, T> look) => Enumerable.Range(0, _tasks.Count).Select(i => For(i, () => look(i)));

    private Tensor Loss(TaskPart part, ForwardContext context)
    {
        Attached?.Enter(part.Task);
        Tensor mean = _tasks[part.Task].Model.SumLoss(part.Batch, context) / Held(part.Targets);
        Losses[part.Task] += mean.Number();
        Tensor loss = mean * Held(part.OfTheStep * Factors[part.Task]);
        return _logVariances.Length > 0 ? Weigh(loss, _logVariances[part.Task].Value.squeeze(0), _tasks[part.Task].Own is TextRegressor, part.Share) : loss;
    }

    /// <summary>exp(-s) L + s / 2, for regression 1/2 exp(-s) L + s / 2, of a share of a step (Kendall, Gal and Cipolla 2018, equations 7 to 10).</summary>
    /// <param name="loss">The share of L that is here, a scalar.</param>
    /// <param name="logVariance">s, a scalar.</param>
    /// <param name="isRegression">Whether it is a regression's.</param>
    /// <param name="share">Which share of the term without L is here.</param>
    internal static Tensor Weigh(Tensor loss, Tensor logVariance, bool isRegression, double share) =>
        (loss * logVariance.neg().exp() * Held(isRegression ? 0.5 : 1)).Plus(logVariance * Held(0.5 * share));
}
