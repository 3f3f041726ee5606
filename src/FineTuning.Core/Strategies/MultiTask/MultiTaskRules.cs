using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What a run over several tasks asks of its tasks and of its recipe, before any data is read.</summary>
internal sealed record MultiTaskRules(Trunk Trunk, IReadOnlyList<TaskEntry> Tasks, MultiTaskTraining Training, TrainingOptions Recipe, AloneRuns Alone,
    IReadOnlyList<TaskAdapter> Adapters)
{
    /// <exception cref="InvalidOptionsException">All that is wrong.</exception>
    public void Require()
    {
        var violations = new List<string>();
        if (Tasks.Count < 2) violations.Add($"there are {Tasks.Count} tasks: a run over several takes two or more; for one, FineTuner.For(model)");
        violations.AddRange(Tasks.GroupBy(task => task.Name, StringComparer.Ordinal).Where(group => group.Count() > 1)
            .Select(group => $"{group.Count()} tasks are named '{group.Key}': names differ"));
        foreach (TaskEntry task in Tasks) CollectViolations(task, violations);
        bool hasValidation = Tasks.Any(task => task.HasValidation);
        if (hasValidation && !(Tasks.Where(task => task.HasValidation).Sum(task => task.ScoreWeight) > 0))
            violations.Add("all tasks with validation data have a score weight of 0: there is nothing to compare weights by");
        CollectShared(violations);
        CollectOwnModels(violations);
        try
        {
            Recipe.Validate(hasValidation);
        }
        catch (InvalidOptionsException invalid)
        {
            violations.AddRange(invalid.Violations);
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        if (KeepsOwnModels) violations.AddRange(Tasks.Where(task => task.HasValidation).Select(task => TaskCopy.FaultOf(task, Trunk)).OfType<string>());
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }

    private bool TrunkMoves => Adapters.Count == 0 && Trunk.Weights.Any(weight => weight.CanTrain && !Recipe.Frozen.Matches(weight, Trunk.Weights.HeadDepth));

    // What a task learned alone needs a trunk of its own.
    private bool KeepsOwnModels => Alone == AloneRuns.Kept && TrunkMoves;

    private void CollectViolations(TaskEntry task, List<string> violations)
    {
        task.Model.Weights.ThrowIfClosed();
        if (task.Name.AsSpan().ContainsAny('.', '/')) violations.Add($"the task's name '{task.Name}' has a dot or a slash");
        if (!ReferenceEquals(task.Model.SharedTrunk, Trunk))
            violations.Add($"the model of the task '{task.Name}' does not sit on the tuner's trunk: make it with Pretrained...(trunk)");
        if (task.Model.ActiveAdapter is not null) violations.Add($"the model of the task '{task.Name}' has an active adapter: take it off (WithoutAdapter)");
        else if (task.Model.SharedTrunk is not null && task.Model.Adapters.Merged is { } merged)
            violations.Add($"the adapter '{merged}' is merged into the model of the task '{task.Name}': unmerge it first (Adapters.Unmerge)");
        if (task.Weight is not (> 0 and < 1e6)) violations.Add($"the weight of the task '{task.Name}' is {task.Weight}: it is above 0 and below 1,000,000");
        if (task.ScoreWeight is not (>= 0 and < 1e6)) violations.Add($"the score weight of the task '{task.Name}' is {task.ScoreWeight}: it is 0 or more");
    }

    // What tasks have in common, and what asks for it.
    private void CollectShared(List<string> violations)
    {
        if (Tasks.All(task => task.Model.ActiveAdapter is null) && Trunk.Weights.HasGuests)
            violations.Add("another head on the trunk has an active adapter: take it off (WithoutAdapter)");
        if (Adapters.Count > 0 && Training.Balancing.NeedsAllTasks)
            violations.Add("balancing by gradients compares them on weights that tasks share, and with an adapter a task they share none that trains");
        if (Recipe.Features.Any(feature => feature is AdapterTuning))
            violations.Add("an adapter that all tasks train is not supported: give each its own (WithAdapters), or leave WithAdapter out");
    }

    private void CollectOwnModels(List<string> violations)
    {
        if (Alone == AloneRuns.Kept && !Tasks.Any(task => task.HasValidation))
            violations.Add("no task has validation data, by which a task that is better alone would show: give some, or leave keepBetter out");
        string others = "give each task an adapter (WithAdapters), or freeze the trunk";
        foreach (TaskEntry task in Tasks)
        {
            if (!KeepsOwnModels && task.OwnModel is not null)
            {
                violations.Add($"the task '{task.Name}' has a function ownModel that nothing asks for: "
                    + "it is for ComparedWithAlone(keepBetter: true) where tasks train one trunk");
            }
            if (!KeepsOwnModels || !task.HasValidation) continue;
            if (task.Own.IsView)
                violations.Add($"the task '{task.Name}' trains a view of a model, of which no copy is made where tasks train one trunk: {others}");
            else if (task.OwnModel is null)
                violations.Add($"the better of the task '{task.Name}' alone and together cannot be kept where tasks train one trunk, which has one state "
                    + $"for all: say how a model of its own is made (Task(..., ownModel: own => Pretrained...(own))), {others}");
        }
        if (KeepsOwnModels && Trunk.Quantization is not null) violations.Add($"a quantised trunk is not copied, so that no task gets one of its own: {others}");
    }
}
