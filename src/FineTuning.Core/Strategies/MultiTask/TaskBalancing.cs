namespace FineTuning.Strategies;

/// <summary>How the losses of several tasks are weighed against each other. Each task's sum is divided by its own targets first.</summary>
/// <remarks>Immutable.</remarks>
public abstract record TaskBalancing
{
    private protected TaskBalancing()
    {
    }

    /// <summary>By the weights that were given with the tasks. The default.</summary>
    public static TaskBalancing Fixed { get; } = new FixedBalancing();

    /// <summary>
    /// In addition each loss is divided by the logarithm of the task's number of outputs, the loss of an even guess (Aghajanyan et al. 2021, section 3.1).
    /// </summary>
    public static TaskBalancing ByOutputs { get; } = new OutputBalancing();

    /// <summary>
    /// A learned s for each task: exp(-s) L + s / 2, for regression 1/2 exp(-s) L + s / 2, with s = log sigma^2 from 0 (Kendall, Gal and Cipolla 2018,
    /// equations 7 to 10).
    /// </summary>
    public static TaskBalancing Uncertainty { get; } = new UncertaintyBalancing();

    /// <summary>
    /// Weights under which the gradients of the last shared layer that trains come to like norms, larger for tasks that lag behind
    /// (GradNorm, Chen et al. 2018, algorithm 1). Each step takes a batch of each task.
    /// </summary>
    /// <param name="alpha">How strongly tasks that lag are preferred; 0 or more. Default 1.5.</param>
    /// <param name="learningRate">The rate of the weights, above 0. Default 0.025.</param>
    public static TaskBalancing GradientNorms(double alpha = 1.5, double learningRate = 0.025) => new GradientNormBalancing(alpha, learningRate);

    /// <summary>
    /// What a task's gradient has against another's is taken out of it (PCGrad, Yu et al. 2020, algorithm 1), over all shared weights.
    /// Each step takes a batch of each task; it needs the memory of one gradient for each.
    /// </summary>
    public static TaskBalancing ProjectedGradients { get; } = new ProjectedBalancing();

    /// <summary>Whether each step needs a batch of each task.</summary>
    internal virtual bool NeedsAllTasks => false;

    internal virtual void CollectViolations(List<string> violations)
    {
    }
}

internal sealed record FixedBalancing : TaskBalancing;

internal sealed record OutputBalancing : TaskBalancing;

internal sealed record UncertaintyBalancing : TaskBalancing;

internal sealed record ProjectedBalancing : TaskBalancing
{
    internal override bool NeedsAllTasks => true;
}

internal sealed record GradientNormBalancing(double Alpha, double LearningRate) : TaskBalancing
{
    internal override bool NeedsAllTasks => true;

    internal override void CollectViolations(List<string> violations)
    {
        if (Alpha is not (>= 0 and <= 100)) violations.Add($"the alpha of gradient norms is {Alpha}: it is from 0 to 100");
        if (LearningRate is not (> 0 and <= 1)) violations.Add($"the learning rate of gradient norms is {LearningRate}: it is above 0 and at most 1");
    }
}
