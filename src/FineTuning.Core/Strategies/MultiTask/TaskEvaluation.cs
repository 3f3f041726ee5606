using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Strategies;

/// <summary>Each task's own evaluation; their metrics by the task's name, the mean of their losses, and the weighted mean of their main metrics.</summary>
internal sealed class TaskEvaluation(MultiTaskModel model) : IEvaluation
{
    private readonly IEvaluation?[] _evaluations = new IEvaluation?[model.Tasks.Count];

    public void Add(Batch batch, ForwardContext context)
    {
        foreach (TaskPart part in ((TaskBatch)batch).Parts)
        {
            model.Attached?.Enter(part.Task);
            (_evaluations[part.Task] ??= model.Tasks[part.Task].Model.NewEvaluation()).Add(part.Batch, context);
        }
    }

    public MetricReport Report()
    {
        var values = new List<MetricValue>();
        double loss = 0, score = 0, weights = 0, tasks = 0;
        for (int i = 0; i < _evaluations.Length; i++)
        {
            if (model.Shapes[i] is not { } shape) continue;
            (TaskEntry task, MetricReport? report) = (model.Tasks[i], _evaluations[i]?.Report());
            foreach (MetricValue known in shape.Metrics)
            {
                MetricValue value = report?.Find(known.Name) ?? known with { Value = double.NaN };
                values.Add(value with { Name = $"{task.Name}.{value.Name}" });
            }
            loss += report?["loss"] ?? double.NaN;
            score += task.ScoreWeight * Main(task, report ?? shape);
            weights += task.ScoreWeight;
            tasks++;
        }
        return new([MetricValue.Higher("score", score / weights), MetricValue.Lower("loss", loss / tasks), .. values]);
    }

    /// <summary>The task's main metric, negative where less is better.</summary>
    internal static double Main(TaskEntry task, MetricReport report)
    {
        MetricValue value = report.Find(task.Model.PrimaryMetric)!;
        return value.Direction == MetricDirection.Lower ? -value.Value : value.Value;
    }
}
