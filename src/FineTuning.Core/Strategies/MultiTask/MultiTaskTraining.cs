using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>How several tasks share a run: part of the recipe of <c>FineTuner.For(trunk)</c>, put there by it.</summary>
/// <param name="Sampling">Which share of the batches each task gets.</param>
/// <param name="Balancing">How their losses are weighed.</param>
internal sealed record MultiTaskTraining(TaskSampling Sampling, TaskBalancing Balancing) : RunFeature
{
    internal override bool CanResume => true;

    internal override LoopFeature Start() => Balancing switch
    {
        ProjectedBalancing => new ProjectedTasks(),
        GradientNormBalancing norms => new NormedTasks(norms),
        _ => new WeighedTasks(),
    };

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        Sampling.CollectViolations(violations);
        Balancing.CollectViolations(violations);
    }
}
