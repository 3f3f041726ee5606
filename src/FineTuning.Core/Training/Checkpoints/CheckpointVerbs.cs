using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs of checkpoints: a run that can be killed at any moment and goes on as if nothing had happened.</summary>
public static class CheckpointVerbs
{
    /// <summary>
    /// Writes checkpoints of the run, beside it. Each is a folder <c>step-N</c> that is whole or absent. A disk that is full or fails ends no run: it is
    /// a warning in the result.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="folder">Of this run alone; made where it is absent. One that holds checkpoints is refused without <see cref="Resume"/>.</param>
    /// <param name="every">Steps between two checkpoints, 1 or more. Default 500. Where writing takes longer, they are further apart.</param>
    /// <param name="keepLast">How many of the newest stay, 1 or more. Default 2.</param>
    /// <param name="keepBest">How many of those with the best evaluations stay besides. Default 0: the best weights are in every checkpoint.</param>
    public static FineTuner<TExample> CheckpointTo<TExample>(
        this FineTuner<TExample> tuner, string folder, long every = 500, int keepLast = 2, int keepBest = 0)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return tuner.WithCheckpoints(settings => settings with { Folder = folder, Every = every, KeepLast = keepLast, KeepBest = keepBest });
    }

    /// <summary>
    /// Goes on from the newest whole checkpoint in the folder of <see cref="CheckpointTo"/>, to the same bits on a CPU; begins where there is none.
    /// Checkpoints that are damaged are passed over, and named in the warnings.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">After <see cref="CheckpointTo"/>; stays as it is.</param>
    /// <param name="accept">What may differ from the run that wrote it. Default nothing: a difference is refused, and named.</param>
    public static FineTuner<TExample> Resume<TExample>(this FineTuner<TExample> tuner, AcceptedChanges accept = AcceptedChanges.None) =>
        tuner.WithCheckpoints(settings => settings with
            { Origin = settings.Folder is null ? null : new CheckpointOrigin(settings.Folder, null, accept, IsRequired: false) });

    /// <summary>Goes on from the newest whole checkpoint in a folder, which is only read; there must be one.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="folder">Where a run has written checkpoints.</param>
    /// <param name="accept">What may differ from the run that wrote it.</param>
    public static FineTuner<TExample> ResumeFrom<TExample>(this FineTuner<TExample> tuner, string folder, AcceptedChanges accept = AcceptedChanges.None)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return tuner.WithCheckpoints(settings => settings with { Origin = new CheckpointOrigin(folder, null, accept, IsRequired: true) });
    }

    /// <summary>Branches off from a checkpoint that was kept, with a changed recipe; the branch has checkpoints of its own.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">After <see cref="CheckpointTo"/>, which says where the checkpoint is; stays as it is.</param>
    /// <param name="step">The step of the checkpoint.</param>
    /// <param name="folder">Where the branch's own checkpoints go.</param>
    /// <param name="change">For example <c>o => o with { Schedule = Schedule.Cosine() }</c>.</param>
    /// <exception cref="InvalidOperationException">The tuner has no folder of checkpoints.</exception>
    public static FineTuner<TExample> Fork<TExample>(
        this FineTuner<TExample> tuner, long step, string folder, Func<TrainingOptions, TrainingOptions> change)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        ArgumentNullException.ThrowIfNull(change);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        FineTuner<TExample> changed = tuner.With(change);
        string from = tuner.Options.Features.OfType<CheckpointSettings>().FirstOrDefault()?.Folder
            ?? throw new InvalidOperationException("Fork branches off from the folder of CheckpointTo(...), and there is none: call that first");
        return changed.WithCheckpoints(settings => settings with
            { Folder = folder, Origin = new CheckpointOrigin(from, step, AcceptedChanges.Recipe, IsRequired: true) });
    }

    internal static FineTuner<TExample> WithCheckpoints<TExample>(this FineTuner<TExample> tuner, Func<CheckpointSettings, CheckpointSettings> change)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(options => options.WithCheckpoints(change));
    }

    internal static TrainingOptions WithCheckpoints(this TrainingOptions options, Func<CheckpointSettings, CheckpointSettings> change) =>
        options.With(change(options.Features.OfType<CheckpointSettings>().FirstOrDefault() ?? new CheckpointSettings(null)));
}
