using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>
    /// The model can learn a handful of examples by heart: their loss falls, and what it answers is what they say. Whatever is wrong between data, loss,
    /// gradient and answer shows here.
    /// </summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Is trained.</param>
    /// <param name="examples">A few that do not contradict each other.</param>
    /// <param name="isRight">Whether the model's own answer to an example is the right one. Null: the loss alone is looked at.</param>
    /// <param name="steps">At most so many steps. Default 150.</param>
    /// <param name="learningRate">AdamW's. Default 0.01.</param>
    /// <param name="share">What may be left of the loss. Default 0.5; 1 where the loss has a floor.</param>
    /// <exception cref="LawBrokenException">The loss does not fall so far, or an answer is wrong.</exception>
    public static void OverfitsOneBatch<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, Func<TExample, bool>? isRight = null,
        int steps = 150, double learningRate = 0.01, double share = 0.5)
    {
        Runs.Require(examples, 1);
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, examples);
        TrainingResult result = Runs.Plain(model).WithOptimizer(Optimizer.AdamW(learningRate, weightDecay: 0)).ClipGradients(1)
            .WithScheduler(Schedule.Linear()).Steps(steps).BatchSize(rows.Count).Train(examples);
        (double before, double after) = (result.History[0].Loss, result.History[^1].Loss);
        if (!(after <= share * before))
            throw Broken(nameof(OverfitsOneBatch), $"at most {Numbers.Show(share * before)}, from {Numbers.Show(before)}", Numbers.Show(after),
                $"the loss after {steps} steps over the same {examples.Count} examples");
        for (int i = 0; isRight is not null && i < examples.Count; i++)
        {
            if (!isRight(examples[i])) throw Broken(nameof(OverfitsOneBatch), "the answer that was learned", "another one", $"example {i}, learned by heart");
        }
    }

    /// <summary>A run with validation data leaves the weights of its best evaluation: the best by the metric's own direction, measured again.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">Trained on.</param>
    /// <param name="validation">Evaluated on.</param>
    /// <param name="metric">By which evaluations are compared, for example <c>loss</c>.</param>
    /// <param name="recipe">Changes the recipe. Null: AdamW at a rate that overshoots, eight evaluations.</param>
    /// <exception cref="LawBrokenException">Another evaluation was taken for the best, or other weights were put back.</exception>
    public static void KeepsTheBest<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, IReadOnlyList<TExample> validation,
        string metric, Func<FineTuner<TExample>, FineTuner<TExample>>? recipe = null)
    {
        Runs.Require(examples, 1);
        Runs.Require(validation, 1);
        using TunableModel<TExample> model = Runs.Load(load);
        FineTuner<TExample> tuner = Runs.Plain(model).WithOptimizer(Optimizer.AdamW(5e-3)).Steps(8).BatchSize(examples.Count)
            .ValidateOn(validation).EvaluateEvery(EvaluationInterval.Steps(1)).With(options => options with { Metric = metric });
        TrainingResult result = (recipe ?? (same => same))(tuner).Train(examples);
        bool higher = result.Evaluations[0].Metrics.Find(metric)?.Direction == MetricDirection.Higher;
        double[] values = [.. result.Evaluations.Select(evaluation => evaluation.Metrics[metric])];
        double best = higher ? values.Max() : values.Min(), chosen = result.Best!.Metrics[metric], measured = model.Evaluate(validation)[metric];
        if (!chosen.Equals(best))
            throw Broken(nameof(KeepsTheBest), Numbers.Show(best), Numbers.Show(chosen), $"'{metric}' of the evaluation that was taken for the best");
        if (!Numbers.Agree(best, measured, 1e-6))
            throw Broken(nameof(KeepsTheBest), Numbers.Show(best), Numbers.Show(measured), $"'{metric}' of the weights that the run left");
    }

    /// <summary>An evaluation's loss is the mean that training divides to: the sum of the losses over the sum of the targets, without dropout.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">Two or more.</param>
    /// <param name="tolerance">Relative. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">The evaluation drops, divides otherwise, or sees other rows.</exception>
    public static void EvaluatesItsLoss<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, double tolerance = 1e-4)
    {
        Runs.Require(examples, 2);
        (double Loss, double Targets)[] rows = [.. Rows.Of(model, examples).Select(row => Rows.Loss(model, [row]))];
        EvaluationIs(model, examples, "loss", rows.Sum(row => row.Loss) / rows.Sum(row => row.Targets), tolerance);
    }

    /// <summary>An evaluation's metric is what the caller computes by other means, from the model's answers for example.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="metric">For example <c>accuracy</c>.</param>
    /// <param name="expected">What it should be.</param>
    /// <param name="tolerance">Relative, at least absolute. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">It is another.</exception>
    public static void EvaluationIs<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, string metric, double expected,
        double tolerance = 1e-4)
    {
        double found = model.Evaluate(examples)[metric];
        if (!Numbers.Agree(expected, found, tolerance))
            throw Broken(nameof(EvaluationIs), Numbers.Show(expected), Numbers.Show(found), $"the metric '{metric}'");
    }
}
