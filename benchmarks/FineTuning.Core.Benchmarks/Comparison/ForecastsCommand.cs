using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Strategies;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// What a forecast from three growing stages says of four times the data, beside what is then measured: heads on the vectors of a frozen encoder over eight sets, with
/// several first stages and seeds. Vectors are kept in a folder (--vectors), so that the command can be stopped and continued.
/// </summary>
internal static class ForecastsCommand
{
    private const int Pool = 4096, Tested = 1500, Growth = 4;

    private static readonly string[] Sets = ["sst2", "banking77", "sms_spam", "chnsenticorp", "gutenberg", "e2e-food", "e2e-area", "crossner"];

    public static void Run(Arguments arguments)
    {
        Tensors.FineTuningRuntime.Load();
        string folder = Directory.CreateDirectory(arguments.Text("vectors", Path.Combine(Path.GetTempPath(), "forecast-vectors"))).FullName;
        var errors = new List<double>();
        int inside = 0, allowed = 0, cases = 0;
        double[] spreads = [];
        foreach (string name in arguments.Text("sets", string.Join(',', Sets)).Split(','))
        {
            (float[][] train, int[] labels, float[][] test, int[] answers) = Vectors(name, folder);
            foreach (int first in new[] { 8, 16, 32, 64 }.Where(size => (size * Growth * Growth * Growth) <= train.Length))
            {
                int[] sizes = [first, first * Growth, first * Growth * Growth, first * Growth * Growth * Growth];
                int seeds = arguments.Number("seeds", 2);
                var outcomes = new List<double>();
                foreach (int seed in Enumerable.Range(1, seeds))
                {
                    int[] order = NestedParts.Order([.. labels.Select(label => label.ToString(CultureInfo.InvariantCulture))], seed);
                    double[] scores = [.. sizes.Select(size => Accuracy([.. order.Take(size)], train, labels, test, answers))];
                    var curve = new StageCurve("accuracy", new ErrorScale(1), [.. sizes.Take(3).Zip(scores, (size, score) => ((long)size, score))], test.Length);
                    var forecast = new LearningForecast(curve, [], new IncrementalOptions());
                    ForecastPoint point = forecast.At(sizes[3]);
                    double error = 100 * Math.Abs(point.Expected - scores[3]);
                    errors.Add(error);
                    outcomes.Add(scores[3]);
                    cases++;
                    if (scores[3] >= point.Low && scores[3] <= point.High) inside++;
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}, seed {seed}, {string.Join(", ", sizes.Zip(scores, (size, score) => $"{size}: {100 * score:0.0}"))}; "
                        + $"expected {100 * point.Expected:0.0} ({100 * point.Low:0.0} to {100 * point.High:0.0}), off by {error:0.0}"));
                }
                double spread = 100 * (outcomes.Max() - outcomes.Min());
                spreads = [.. spreads, spread];
                allowed += errors.TakeLast(seeds).Count(error => error <= Math.Max(1, spread));
            }
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cases} forecasts: mean absolute error {errors.Average():0.00} points, median {errors.Order().ElementAt(errors.Count / 2):0.00}; "
            + $"within 1 point or the spread of the seeds {100.0 * allowed / cases:0} %; the 80 % interval holds {100.0 * inside / cases:0} %; mean spread of the seeds {spreads.Average():0.00}"));
    }

    private static double Accuracy(int[] part, float[][] train, int[] labels, float[][] test, int[] answers)
    {
        int[] present = [.. part.Select(index => labels[index]).Distinct().Order()];
        if (present.Length < 2) return answers.Count(answer => answer == present[0]) / (double)answers.Length;
        LogisticRegression head = LogisticRegression.Fit([.. part.Select(index => train[index])], [.. part.Select(index => Array.IndexOf(present, labels[index]))], present.Length, 30);
        return test.Select((vector, i) =>
        {
            float[] logits = head.Logits(vector);
            return present[Array.IndexOf(logits, logits.Max())] == answers[i] ? 1.0 : 0;
        }).Average();
    }

    private static (float[][] Train, int[] Labels, float[][] Test, int[] Answers) Vectors(string name, string folder)
    {
        (LabeledText<string>[] train, LabeledText<string>[] test) = Data(name);
        string[] names = [.. train.Concat(test).Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
        int[] Labels(LabeledText<string>[] rows) => [.. rows.Select(row => Array.IndexOf(names, row.Label))];
        return (Encoded(train, Path.Combine(folder, name + ".train")), Labels(train), Encoded(test, Path.Combine(folder, name + ".test")), Labels(test));
    }

    private static float[][] Encoded(LabeledText<string>[] rows, string path)
    {
        if (!File.Exists(path))
        {
            using SentenceEncoder encoder = Pretrained.SentenceEncoder(Shared.Model);
            float[] all = [.. encoder.Encode([.. rows.Select(row => row.Text)]).SelectMany(vector => vector)];
            File.WriteAllBytes(path, MemoryMarshal.AsBytes(all.AsSpan()));
        }
        float[] numbers = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray();
        return [.. numbers.Chunk(numbers.Length / rows.Length)];
    }

    private static (LabeledText<string>[] Train, LabeledText<string>[] Test) Data(string name)
    {
        (IEnumerable<LabeledText<string>> train, IEnumerable<LabeledText<string>> test) = name switch
        {
            "sst2" or "banking77" or "sms_spam" => (RealCommand.Data(name).Train, RealCommand.Data(name).Test),
            "chnsenticorp" => (Chinese("train"), Chinese("test")),
            "gutenberg" => Novels(),
            "e2e-food" => (Restaurants("trainset", "food"), Restaurants("devset", "food")),
            "e2e-area" => (Restaurants("trainset", "priceRange"), Restaurants("devset", "priceRange")),
            "crossner" => (CrossNer.Domains.SelectMany(domain => Sentences(domain, (domainTrain, dev, _) => [.. domainTrain, .. dev])),
                CrossNer.Domains.SelectMany(domain => Sentences(domain, (_, _, domainTest) => domainTest))),
            _ => throw new ArgumentException($"the set '{name}' is not known here"),
        };
        return (Some(train, Pool, 1), Some(test, Tested, 2));
    }

    private static LabeledText<string>[] Some(IEnumerable<LabeledText<string>> rows, int most, int seed)
    {
        LabeledText<string>[] all = [.. rows];
        new Random(seed).Shuffle(all);
        return all[..Math.Min(most, all.Length)];
    }

    private static IEnumerable<LabeledText<string>> Chinese(string part) => Lines(Shared.Data("chnsenticorp", part + ".tsv.gz")).Select(line => line.Split('\t'))
        .Where(parts => parts.Length >= 2 && parts[^2] is "0" or "1").Select(parts => new LabeledText<string>(parts[^1], parts[^2]));

    private static IEnumerable<LabeledText<string>> Sentences(string domain, Func<TaggedText[], TaggedText[], TaggedText[], TaggedText[]> choose)
    {
        (TaggedText[] train, TaggedText[] dev, TaggedText[] test, _) = CrossNer.Read(domain);
        return choose(train, dev, test).Select(row => new LabeledText<string>(string.Join(' ', ((TaggedWords)row).Words), domain));
    }

    // Paragraphs of four novels, and which novel it is: every third is tested on.
    private static (IEnumerable<LabeledText<string>> Train, IEnumerable<LabeledText<string>> Test) Novels()
    {
        LabeledText<string>[] all = [.. new[] { "11", "84", "1342", "1661" }.SelectMany(novel => string.Join('\n', Lines(Shared.Data("gutenberg", novel + ".txt.gz")))
            .Split("\n\n").Where(paragraph => paragraph.Length is > 80 and < 1000).Skip(10).Select(paragraph => new LabeledText<string>(paragraph, novel)))];
        return (all.Where((_, i) => i % 3 != 0), all.Where((_, i) => i % 3 == 0));
    }

    // What a description says of a restaurant, where its record says so.
    private static IEnumerable<LabeledText<string>> Restaurants(string part, string attribute)
    {
        string copy = Path.Combine(Path.GetTempPath(), $"e2e-{part}.csv");
        if (!File.Exists(copy)) File.WriteAllLines(copy, Lines(Shared.Data("e2e_nlg", part + ".csv.gz")));
        foreach (DelimitedRow row in Csv.Read(copy))
        {
            int start = row["mr"].IndexOf(attribute + "[", StringComparison.Ordinal);
            if (start < 0) continue;
            start += attribute.Length + 1;
            yield return new(row["ref"], row["mr"][start..row["mr"].IndexOf(']', start)]);
        }
    }

    private static IEnumerable<string> Lines(string path)
    {
        using var file = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (file.ReadLine() is { } line) yield return line;
    }
}
