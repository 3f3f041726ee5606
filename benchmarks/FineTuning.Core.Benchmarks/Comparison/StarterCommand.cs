using System.Globalization;
using FineTuning.Benchmarks.Suites;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// What the sample's starter is worth: a few sentences of each label, tested on sentences that nothing has seen, beside the same network from random weights
/// with the same vocabulary. The whole network is tuned by one recipe, each side with the better of the same learning rates, chosen on the development
/// sentences; then the network stays as it is, and a light head is fitted over its vectors.
/// </summary>
internal static class StarterCommand
{
    private const int BatchSize = 16;
    private static readonly double[] Rates = [3e-4, 1e-3];
    private static readonly int[] Shots = [4, 8, 16];

    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        int seeds = arguments.Number("seeds", 5), steps = arguments.Number("steps", 100);
        string starter = arguments.Text("starter", Path.Combine(SuiteModel.Sample, "starter")), task = arguments.Text("task", "support");
        (LabeledText<string>[] train, LabeledText<string>[] dev, LabeledText<string>[] test) = task == "support" ? (Sample("train"), Sample("dev"), Sample("test")) : RealCommand.Data(task);
        string random = Directory.CreateTempSubdirectory("starter").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(starter)) File.Copy(file, Path.Combine(random, Path.GetFileName(file)));
            double majority = test.CountBy(row => row.Label).Max(pair => pair.Value) / (double)test.Length;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{task}: accuracy on {test.Length} test sentences, mean and spread over {seeds} seeds; the most frequent label alone gives {majority:P1}"));
            Console.WriteLine("shots  what is trained         starter          random weights   margin   smallest of the seeds");
            foreach (int shots in arguments.Number("shots", 0) is > 0 and var one ? [one] : Shots)
            {
                if (task == "support") Compare("the whole network", shots, seeds, (folder, few, seed) => Tuned(folder, few, dev, test, seed, steps));
                Compare("a head over its vectors", shots, seeds, (folder, few, seed) => Fitted(folder, few, test, seed));
            }
        }
        finally
        {
            Directory.Delete(random, recursive: true);
        }

        void Compare(string what, int shots, int count, Func<string, LabeledText<string>[], int, double> accuracy)
        {
            var pairs = new List<(double Starter, double Random)>();
            foreach (int seed in Enumerable.Range(1, count))
            {
                LabeledText<string>[] few = FewShotCommand.Choose(train, shots, seed);
                string configuration = File.ReadAllText(Path.Combine(starter, "config.json"));
                using (OutputHead fresh = OutputHead.Create(configuration, HeadKind.None, options: new ModelLoadOptions { Seed = seed })) fresh.Save(random);
                pairs.Add((accuracy(starter, few, seed), accuracy(random, few, seed)));
            }
            double[] ours = [.. pairs.Select(pair => pair.Starter)], theirs = [.. pairs.Select(pair => pair.Random)], margins = [.. pairs.Select(pair => pair.Starter - pair.Random)];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{shots,5}  {what,-23} {Spread(ours),-16} {Spread(theirs),-16} {margins.Average(),6:P1}   {margins.Min(),6:P1}"));
        }
    }

    /// <summary>The test accuracy of the better of the rates on the development sentences.</summary>
    private static double Tuned(string folder, LabeledText<string>[] few, LabeledText<string>[] dev, LabeledText<string>[] test, int seed, int steps)
    {
        (double Dev, double Loss, double Test) best = (-1, 0, 0);
        string[] labels = Labels(few);
        foreach (double rate in Rates)
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = labels, Seed = seed, FreshHead = true });
            TrainingResult result = FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(rate)).WithScheduler(Schedule.Linear(warmup: 0.1))
                .BatchSize(BatchSize).Steps(steps).Seed(seed).EvaluateEvery(EvaluationInterval.Steps(Math.Max(1, steps / 10)))
                .ValidateOn(dev).Train(few);
            (double accuracy, double loss) = (result.Metrics!["accuracy"], result.Metrics["loss"]);
            if (accuracy > best.Dev || (accuracy == best.Dev && loss < best.Loss)) best = (accuracy, loss, Share(model.PredictBatch([.. test.Select(row => row.Text)]), test));
        }
        return best.Test;
    }

    /// <summary>The test accuracy of a logistic regression over the mean vectors of a network that stays as it is.</summary>
    private static double Fitted(string folder, LabeledText<string>[] few, LabeledText<string>[] test, int seed)
    {
        using FewShotClassifier<string> model = Pretrained.FewShotClassifier(folder, new FewShotOptions<string> { Labels = Labels(few), PairsPerText = 0, Seed = seed, Encoder = new SentenceEncoderOptions { Normalize = true }, HeadFit = 10 });
        model.Train(few);
        return Share(model.PredictBatch([.. test.Select(row => row.Text)]), test);
    }

    private static double Share(IReadOnlyList<Classification<string>> answers, LabeledText<string>[] test) => answers.Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();

    private static string Spread(double[] values)
    {
        double mean = values.Average(), deviation = values.Length < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
        return string.Create(CultureInfo.InvariantCulture, $"{mean:P1} ± {deviation * 100:0.0}");
    }

    private static LabeledText<string>[] Sample(string part) => [.. Csv.Read(Path.Combine(SuiteModel.Sample, "data", part + ".csv")).LabeledTexts<string>()];

    private static string[] Labels(LabeledText<string>[] rows) => [.. rows.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
}
