using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// What helps against over-fitting: each technique against none on few rows, over several seeds. Results are lines of a file (--into), and what stands there is not
/// computed again, so that the command can be stopped and continued.
/// </summary>
internal static class TechniquesCommand
{
    private const int DevelopmentRows = 500, TestRows = 2000;

    private static readonly (string Name, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> Verb)[] Techniques =
    [
        ("none", tuner => tuner), ("dropout consistency", tuner => tuner.WithDropoutConsistency()), ("adversarial embeddings", tuner => tuner.WithAdversarialEmbeddings()),
        ("noisy embeddings", tuner => tuner.WithNoisyEmbeddings()), ("mixout", tuner => tuner.WithMixout()), ("starting point", tuner => tuner.WithStartingPointPenalty(0.01, 0)),
        ("top layer anew", tuner => tuner.ReinitialiseTopLayers()), ("weight average", tuner => tuner.WithWeightAverage(0.98)), ("greedy soup", tuner => tuner.WithGreedySoup()),
        ("words", tuner => tuner.WithAugmentation([Augmentation.Words()])), ("characters", tuner => tuner.WithAugmentation([Augmentation.Characters()])),
        ("mixup", tuner => tuner.WithMixup()),
    ];

    public static void Run(Arguments arguments)
    {
        var kept = new KeptLines(arguments.Text("into", Path.Combine(Path.GetTempPath(), "techniques.tsv")));
        int epochs = arguments.Number("epochs", 10);
        foreach (string task in arguments.Text("tasks", "sst2,banking77").Split(','))
        {
            (LabeledText<string>[] train, LabeledText<string>[] dev, LabeledText<string>[] test) = RealCommand.Data(task);
            string[] labels = [.. train.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
            foreach (int rows in arguments.Text("rows", "100,500").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture)))
            {
                // Of banking77 so many rows that each class has some.
                int count = rows * Math.Max(1, labels.Length / 20);
                foreach (int seed in Enumerable.Range(1, arguments.Number("seeds", 3)))
                {
                    int[] order = NestedParts.Order([.. train.Select(row => row.Label)], seed);
                    LabeledText<string>[] few = [.. order.Take(count).Select(index => train[index])];
                    foreach ((string name, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> verb) in Techniques)
                    {
                        kept.Once($"techniques\t{task} {count} rows\t{name}\t{seed}", () =>
                        {
                            long started = Stopwatch.GetTimestamp();
                            using TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = labels, MaximumLength = 64, Seed = seed });
                            TrainingResult result = verb(FineTuner.For(model).Epochs(epochs).BatchSize(16).WithOptimizer(Optimizer.AdamW(1e-4)).Seed(seed)
                                .ValidateOn(dev.Take(DevelopmentRows))).Train(few);
                            double accuracy = model.Evaluate(test.Take(TestRows))["accuracy"];
                            return (100 * accuracy, string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s, dev {100 * result.Metrics!["accuracy"]:0.0}"));
                        });
                    }
                }
            }
        }
        kept.Print();
    }
}
