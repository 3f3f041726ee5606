using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Testing.Tests.Laws;

/// <summary>The laws over heads that give labels and numbers.</summary>
public sealed class ClassifierLawTests : IDisposable
{
    private readonly TinyCheckpoint _plain = TinyCheckpoint.Encoder(Words.Texts);

    private static readonly MultiLabeledText<string>[] Tagged =
        [.. Words.Reviews.Select(review => new MultiLabeledText<string>(review.Text, [.. new[] { "film", "end" }.Where(word => review.Text.Contains(word, StringComparison.Ordinal))]))];

    private static readonly LabeledText<string>[] Pairs =
        [.. Words.Reviews.Select((review, i) => new LabeledText<string>(review.Text, review.Label) { Pair = i % 2 == 0 ? "the film was long" : "good" })];

    public void Dispose() => _plain.Dispose();

    private TextClassifier<string> Classifier(TextClassifierOptions<string>? options = null) =>
        Pretrained.TextClassifier(_plain.Folder, (options ?? new()) with { Labels = Words.Labels, FreshHead = true });

    private TextMultiLabeler<string> MultiLabeler() => Pretrained.TextMultiLabeler(_plain.Folder, new TextMultiLabelerOptions<string> { Labels = ["film", "end"], FreshHead = true, Threshold = 0.4 });

    [Fact]
    public void Padding_changes_nothing()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.PaddingInvariant(model, Words.Reviews);
        FineTuneAssert.TargetsAddUp(model, Words.Reviews);
        using TextMultiLabeler<string> other = MultiLabeler();
        FineTuneAssert.PaddingInvariant(other, Tagged);
        FineTuneAssert.TargetsAddUp(other, Tagged);
    }

    [Fact]
    public void Gradients_are_slopes()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.GradientsMatchDifferences(model, Words.Reviews);
        FineTuneAssert.EveryWeightLearns(model, Pairs);
    }

    [Fact]
    public void Weights_of_examples_are_repetitions()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.WeightMeansRepetition(model, Words.Reviews, (example, weight) => example with { Weight = weight });
    }

    [Fact]
    public void The_loss_is_that_of_the_answers()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.LossIs(model, Pairs, example => -Math.Log(model.Predict(example.Text, example.Pair).Scores.Single(score => score.Label == example.Label).Score));
    }

    [Fact]
    public void Smoothing_spreads_and_label_weights_weigh()
    {
        using TextClassifier<string> plain = Classifier(), smoothed = Classifier(new() { LabelSmoothing = 0.3 }),
            weighted = Classifier(new() { ClassWeights = new Dictionary<string, double> { ["good"] = 3, ["bad"] = 0.5 } });
        FineTuneAssert.LossIs(smoothed, Words.Reviews, example => (0.7 * FineTuneAssert.LossOf(plain, example))
            + (0.3 * Words.Labels.Average(label => FineTuneAssert.LossOf(plain, example with { Label = label }))));
        FineTuneAssert.LossIs(weighted, Words.Reviews,
            example => FineTuneAssert.LossOf(plain, example) * (example.Label == "good" ? 3 : example.Label == "bad" ? 0.5 : 1));
    }

    [Fact]
    public void Evaluations_are_what_predictions_say()
    {
        using TextClassifier<string> model = Classifier(new() { Dropout = 0.3 });
        FineTuneAssert.EvaluatesItsLoss(model, Words.Reviews);
        FineTuneAssert.EvaluationIs(model, Words.Reviews, "accuracy", Words.Reviews.Average(review => model.Predict(review.Text).Label == review.Label ? 1.0 : 0));
        using TextMultiLabeler<string> other = MultiLabeler();
        FineTuneAssert.EvaluationIs(other, Tagged, "f1_micro", F1(other));
    }

    [Fact]
    public void It_learns_by_heart()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.OverfitsOneBatch(model, Words.Reviews, review => model.Predict(review.Text).Label == review.Label);
        using TextMultiLabeler<string> other = MultiLabeler();
        FineTuneAssert.OverfitsOneBatch(other, Tagged, one => other.Predict(one.Text).Labels.Order().SequenceEqual(one.Labels.Order()));
        using TextRegressor third = Pretrained.TextRegressor(_plain.Folder, new TextOptions { FreshHead = true });
        ScoredText[] scored = [.. Words.Reviews.Select((review, i) => new ScoredText(review.Text, i % 3))];
        FineTuneAssert.OverfitsOneBatch(third, scored, one => Math.Abs(third.Predict(one.Text).Score - one.Score) < 0.5, steps: 250);
    }

    [Fact]
    public void It_is_saved_and_loaded_by_name()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.SavesAndLoads(model, (one, folder) => one.Save(folder), folder => Pretrained.TextClassifier<string>(folder),
            one => one.PredictBatch([.. Words.Reviews.Select(review => review.Text)]));
        // The same labels in another order.
        FineTuneAssert.SavesAndLoads(model, (one, folder) => one.Save(folder),
            folder => Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = ["neither", "good", "bad"] }),
            one => Words.Reviews.Select(review => one.Predict(review.Text).Scores.OrderBy(score => score.Label).ToArray()).ToArray());
    }

    [Fact]
    public void Predictions_depend_on_nobody_else()
    {
        using TextClassifier<string> model = Classifier();
        string[] texts = [.. Words.Reviews.Select(review => review.Text)];
        FineTuneAssert.BatchInvariant(model, texts);
        FineTuneAssert.ConcurrencyInvariant(model, texts);
    }

    [Fact]
    public void What_cannot_be_answered_is_refused()
    {
        using TextClassifier<string> model = Classifier();
        FineTuneAssert.RefusesNonFinite(model, () => model.Predict("good"));
        FineTuneAssert.RefusedWhileTraining(model, Words.Reviews, () => model.Predict("good"));
        using TextClassifier<string> shorter = Classifier(new() { MaximumLength = 5 });
        FineTuneAssert.CountsWhatItCuts(shorter, Words.Reviews[3]);
    }

    [Fact]
    public void An_adapter_leaves_the_base_and_merges()
    {
        Adapter adapter = Adapter.Lora(rank: 2, alpha: 8).On(linear => linear.AllLinear());
        FineTuneAssert.AdapterLeavesTheBase(() => Classifier(), Words.Reviews, adapter);
        FineTuneAssert.MergesExactly(() => Classifier(), Words.Reviews, adapter);
    }

    [Fact]
    public void Each_input_gets_its_own_adapter()
    {
        using TextClassifier<string> model = Classifier();
        foreach (string name in new[] { "one", "two" })
        {
            model.Adapters.Add(Adapter.Lora(rank: 2).On(linear => linear.AllLinear()), name, seed: name.Length);
            FineTuner.For(model).WithOptimizer(Training.Optimizer.AdamW(name == "one" ? 5e-2 : -0.0 + 2e-2)).Steps(3).BatchSize(8).Train(Words.Reviews.Skip(name == "one" ? 0 : 3));
            model.WithoutAdapter();
        }
        FineTuneAssert.RoutesEachInput(model, model, [.. Words.Reviews.Select(review => review.Text)], ["one", "two", null, "one", "two", null, "one", "two"]);
    }

    private static double F1(TextMultiLabeler<string> model)
    {
        int right = 0, given = 0, meant = 0;
        foreach (MultiLabeledText<string> one in Tagged)
        {
            IReadOnlyList<string> labels = model.Predict(one.Text).Labels;
            (right, given, meant) = (right + labels.Intersect(one.Labels).Count(), given + labels.Count, meant + one.Labels.Count);
        }
        return 2.0 * right / (given + meant);
    }
}
