using System.Globalization;
using System.Text;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>
/// What a run over several tasks gave: numbers, and models of single tasks (<see cref="TaskResult.OwnModel"/>). Trunk and heads were tuned in place.
/// </summary>
/// <remarks>Immutable and thread-safe. It holds nothing to dispose but those models.</remarks>
public sealed class MultiTaskResult
{
    internal MultiTaskResult(TrainingResult run, IReadOnlyList<TaskResult> tasks) => (Run, Tasks) = (run, tasks);

    /// <summary>The run; its metrics have the tasks' names before their own, and <c>score</c> is the weighted mean of the main ones.</summary>
    public TrainingResult Run { get; }

    /// <summary>Each task, in the order in which they were added.</summary>
    public IReadOnlyList<TaskResult> Tasks { get; }

    /// <summary>A task by its name.</summary>
    /// <param name="name">As it was added.</param>
    /// <exception cref="KeyNotFoundException">There is no such task; the message lists those there are.</exception>
    public TaskResult this[string name]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(name);
            return Tasks.FirstOrDefault(task => task.Name == name)
                ?? throw new KeyNotFoundException($"there is no task '{name}'; there are {string.Join(", ", Tasks.Select(task => task.Name))}");
        }
    }

    /// <summary>The run in a few lines, then a line for each task: its main metric together, alone, and what that means.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Run.ToString());
        foreach (TaskResult task in Tasks) text.AppendLine().Append(task);
        return text.ToString();
    }
}

/// <summary>What became of one task.</summary>
/// <remarks>Immutable and thread-safe; a model that it holds is as thread-safe as any.</remarks>
public sealed class TaskResult
{
    internal TaskResult(string name, string metric, MetricReport? together, MetricReport? alone, bool isAlone = false, TunableModel? ownModel = null)
    {
        (Name, Metric, Together, Alone, IsAlone, OwnModel) = (name, metric, together, alone, isAlone, ownModel);
        OwnModelBytes = ownModel?.Weights.Sum(weight => weight.Value.numel() * weight.Value.element_size()) ?? 0;
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The metric by which it is compared.</summary>
    public string Metric { get; }

    /// <summary>Its validation data measured after the run over all tasks. Null: it has none.</summary>
    public MetricReport? Together { get; }

    /// <summary>Its validation data measured after a run over it alone, from the same start. Null: it was not asked for.</summary>
    public MetricReport? Alone { get; }

    /// <summary>Whether it is worse together than alone. False where either is not known.</summary>
    public bool IsHarmed => Alone?.Find(Metric) is { } alone && Together?.Find(Metric) is { } together
        && (alone.Direction == MetricDirection.Lower ? together.Value > alone.Value : together.Value < alone.Value);

    /// <summary>
    /// Whether its model has what the run over it alone made of it now, since that is better: see <see cref="MultiTaskTuner.ComparedWithAlone"/>.
    /// </summary>
    public bool IsAlone { get; }

    /// <summary>
    /// What the run over it alone made, where that is better and tasks train one trunk: a model like the task's with a trunk of its own, that predicts, is
    /// saved and is tuned on as any other. Null: there is none. See <see cref="MultiTaskTuner.ComparedWithAlone"/>.
    /// </summary>
    /// <remarks>Whoever takes the result disposes it, alone: it shares no memory with the tasks' models. These stay as the run over all left them.</remarks>
    public TunableModel? OwnModel { get; }

    /// <summary>Bytes of the weights of <see cref="OwnModel"/>; 0 where there is none.</summary>
    public long OwnModelBytes { get; }

    /// <summary>Its main metric in one line.</summary>
    public override string ToString()
    {
        if (Together is null) return $"{Name}: no validation data";
        string text = string.Create(CultureInfo.InvariantCulture, $"{Name}: {Metric} {Together[Metric]:0.####}");
        if (Alone is null) return text;
        text += string.Create(CultureInfo.InvariantCulture, $" together, {Alone[Metric]:0.####} alone");
        if (OwnModel is not null)
        {
            return text + string.Create(CultureInfo.InvariantCulture,
                $": the other tasks harm it; what it learned alone is a model of its own ({OwnModelBytes / 1e6:0.#} MB)");
        }
        if (IsAlone) return text + ": the other tasks harm it; it has what it learned alone";
        return IsHarmed ? text + ": the other tasks harm it; train it alone, or give it more weight" : text;
    }
}
