using FineTuning.Tasks;
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

    /// <summary>
    /// Puts the weights of a checkpoint into a model: it then predicts as the run's did at that step, and is saved as a folder of a model (<c>Save</c>) or of
    /// its adapter (<see cref="TunableModel.SaveAdapter"/>), which Hugging Face's libraries open.
    /// </summary>
    /// <param name="model">Loaded as the one that the run began with. An adapter that the run tuned is put on it where it is not there.</param>
    /// <param name="checkpoint">A checkpoint (<c>step-N</c>, <see cref="TrainingResult.Checkpoint"/>), or a folder of them: then the newest whole one.</param>
    /// <param name="weights">
    /// Those of its step, or those of the best evaluation up to it. A threshold is set as that evaluation says, where there is one.
    /// </param>
    /// <returns>The checkpoint's step.</returns>
    /// <exception cref="Errors.CheckpointException">It is not whole, or holds no such weights.</exception>
    /// <exception cref="Errors.InvalidOptionsException">It is of another model: all that differs is named, and the model is as it was.</exception>
    /// <exception cref="InvalidOperationException">A run trains the model.</exception>
    public static long LoadCheckpoint(this TunableModel model, string checkpoint, CheckpointWeights weights = CheckpointWeights.OfStep)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(checkpoint);
        if (!Enum.IsDefined(weights)) throw new ArgumentOutOfRangeException(nameof(weights), weights, "it is OfStep or Best");
        return CheckpointLoading.Load(model, checkpoint, weights);
    }

    internal static FineTuner<TExample> WithCheckpoints<TExample>(this FineTuner<TExample> tuner, Func<CheckpointSettings, CheckpointSettings> change)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(options => options.WithCheckpoints(change));
    }

    internal static TrainingOptions WithCheckpoints(this TrainingOptions options, Func<CheckpointSettings, CheckpointSettings> change) =>
        options.With(change(options.Features.OfType<CheckpointSettings>().FirstOrDefault() ?? new CheckpointSettings(null)));
}
