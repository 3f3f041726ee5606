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

    public MultiTaskModel(Trunk trunk, IReadOnlyList<TaskEntry> tasks, TaskBalancing balancing)
        : this(trunk.Weights, trunk.Device, tasks, balancing)
    {
    }

    /// <param name="shared">What the tasks' models share.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="tasks">At least one.</param>
    /// <param name="balancing">How their losses are weighed.</param>
    public MultiTaskModel(WeightSet shared, Device device, IReadOnlyList<TaskEntry> tasks, TaskBalancing balancing)
    {
        (_tasks, _balancing, Device) = (tasks, balancing, device);
        Shared = shared;
        Weights = WeightSet.Join(shared, tasks.Select(task => (task.Name, task.Model.Weights)));
        Factors = [.. tasks.Select(task => task.Weight / (balancing is OutputBalancing ? Math.Log(Math.Max(Math.E, task.Model.HeadOutputs)) : 1))];
        Losses = new double[tasks.Count];
        if (balancing is not UncertaintyBalancing) return;
        _logVariances = [.. tasks.Select(task => Weights.Add($"{task.Name}/log_variance", zeros(1), WeightKind.Bias, Weights.HeadDepth))];
    }

    /// <summary>The trunk's weights.</summary>
    public WeightSet Shared { get; }

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

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        Collate(rows, paddedLength, (task, own, length) => task.Collate(own, length));

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment) =>
        Collate(rows, paddedLength, (task, own, length) => task.Collate(own, length, moment));

    internal override string? WhyInputsChange => _tasks.Select(task => task.Model.WhyInputsChange).FirstOrDefault(reason => reason is not null);

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        Tensor? sum = null;
        foreach (TaskPart part in ((TaskBatch)batch).Parts)
        {
            if (part.Batch.TargetCount <= 0) continue;
            Tensor mean = _tasks[part.Task].Model.SumLoss(part.Batch, context) / Held(part.Targets);
            Losses[part.Task] += mean.Number();
            Tensor loss = mean * Held(part.OfTheStep * Factors[part.Task]);
            if (_logVariances.Length > 0) loss = Weigh(loss, _logVariances[part.Task].Value.squeeze(0), part);
            sum = sum is null ? loss : sum.Plus(loss);
        }
        return sum ?? zeros(1).sum(ScalarType.Float32);
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
        for (int i = 0; i < _tasks.Count; i++) _tasks[i].Model.Precompute([.. Train[i].Rows, .. Validation[i]?.Rows ?? []], cancellation);
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

    private Tensor Weigh(Tensor loss, Tensor logVariance, TaskPart part)
    {
        double half = _tasks[part.Task].Own is TextRegressor ? 0.5 : 1;
        return (loss * logVariance.neg().exp() * Held(half)).Plus(logVariance * Held(0.5 * part.Share));
    }
}
