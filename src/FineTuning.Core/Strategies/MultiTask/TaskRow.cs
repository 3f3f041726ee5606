using FineTuning.Tasks;

namespace FineTuning.Strategies;

/// <summary>A row of one of several tasks.</summary>
internal sealed class TaskRow : EncodedRow
{
    private readonly string _name;

    public TaskRow(int task, string name, EncodedRow row)
        : base(row.Length) => (Task, _name, Row, Index) = (task, $"{name} {row.Name}", row, row.Index);

    /// <summary>The task's index.</summary>
    public int Task { get; }

    /// <summary>As the task's own model encoded it.</summary>
    public EncodedRow Row { get; }

    public override double TargetCount => Row.TargetCount;

    internal override int Kind => Task;

    internal override string Name => _name;
}

/// <summary>The rows of a batch by task, each part collated by its own model.</summary>
/// <param name="rows">All.</param>
/// <param name="parts">At least one.</param>
/// <param name="share">The part of the step's loss that it stands for: what the loop divides by.</param>
internal sealed class TaskBatch(IReadOnlyList<EncodedRow> rows, IReadOnlyList<TaskPart> parts, double share)
    : Batch(rows, parts.Max(part => part.Batch.PaddedLength))
{
    public IReadOnlyList<TaskPart> Parts { get; } = parts;

    public override double TargetCount => share;
}

/// <summary>The rows of one task.</summary>
/// <param name="Task">The task's index.</param>
/// <param name="Batch">Of its model.</param>
/// <param name="Share">Of the whole step's loss the share that the task has, times the share of the task's targets that are here.</param>
/// <param name="Targets">The task's targets in the whole step: what its sum is divided by.</param>
/// <param name="OfTheStep">The share of the step's batches that are the task's.</param>
internal readonly record struct TaskPart(int Task, Batch Batch, double Share, double Targets, double OfTheStep);
