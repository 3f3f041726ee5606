using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>
    /// A run that is cancelled and goes on from its checkpoint, with a fresh model, ends with the bits of a run that nobody cancelled: weights, losses of the
    /// steps and evaluations.
    /// </summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">Four or more.</param>
    /// <param name="recipe">Changes the recipe: what is trained how, and on what it is validated, but not how long it is. Null: AdamW, four rows a
    /// batch.</param>
    /// <param name="steps">Steps of the run, three or more.</param>
    /// <exception cref="LawBrokenException">What the run depends on is not in its checkpoint, or not read back.</exception>
    public static void Resumes<TExample>(
        Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, Func<FineTuner<TExample>, FineTuner<TExample>>? recipe = null, int steps = 7)
    {
        Runs.Require(examples, 4);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 3);
        using var folder = new TemporaryFolder();
        using TunableModel<TExample> whole = Runs.Load(load), killed = Runs.Load(load), resumed = Runs.Load(load);
        FineTuner<TExample> Recipe(TunableModel<TExample> model) =>
            Usual(model, recipe).With(options => options with { Epochs = null, Steps = steps });
        TrainingResult uninterrupted = Recipe(whole).Train(examples);
        using var stop = new CancellationTokenSource();
        bool written = false;
        Recipe(killed).CheckpointTo(folder.Path, every: 1, keepLast: 1)
            .OnCheckpoint(report => written |= report.Problem is null)
            .OnProgress(progress =>
            {
                if (progress.Step >= steps / 2 && progress.Phase == TrainingPhase.Training) stop.Cancel();
            }).Train(examples, stop.Token);
        if (!written) throw Broken(nameof(Resumes), "a checkpoint", "none", "the run that was cancelled");
        long first = 0;
        TrainingResult result = Recipe(resumed).CheckpointTo(folder.Path, every: 1, keepLast: 1).Resume()
            .OnProgress(progress => first = first == 0 && progress.Phase == TrainingPhase.Training ? progress.Step : first).Train(examples);
        if (first < 2) throw Broken(nameof(Resumes), "a first step behind the checkpoint", $"step {first}", "the run that was resumed");
        Same(nameof(Resumes), WeightValues.Of(whole.Weights), WeightValues.Of(resumed.Weights), 0, "a run that was resumed");
        Compare(uninterrupted.History.Select(step => step.Loss), result.History.Select(step => step.Loss), "losses of the steps");
        Compare(Values(uninterrupted), Values(result), "evaluations");

        static IEnumerable<double> Values(TrainingResult result) => result.Evaluations.SelectMany(evaluation =>
            evaluation.Metrics.Values.Select(pair => pair.Value).Append(evaluation.Step).Append(evaluation.IsBest ? 1 : 0));
        static void Compare(IEnumerable<double> expected, IEnumerable<double> found, string what)
        {
            string left = string.Join(", ", expected.Select(Numbers.Show)), right = string.Join(", ", found.Select(Numbers.Show));
            if (left != right) throw Broken(nameof(Resumes), left, right, $"the {what} of a run that was resumed");
        }
    }
}
