using System.Globalization;
using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Named entities of WNUT-17 with the reference trainer's recipe; --crf true and --constrained true are beyond it.</summary>
internal static class RealTagging
{
    public static void Run(Arguments arguments)
    {
        using JsonDocument scores = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Shared.Root, "goldens", "real", "scores.json")));
        JsonElement reference = scores.RootElement.GetProperty("wnut17"), recipe = reference.GetProperty("recipe");
        (TaggedText[] train, TaggedText[] dev, TaggedText[] test, string[] types) = All();
        Console.WriteLine($"wnut17: reference dev F1 by epoch {string.Join(" | ", reference.GetProperty("runs").EnumerateArray().Select(run => string.Join(", ", run.GetProperty("dev").EnumerateArray().Select(epoch => Four(epoch.GetProperty("f1").GetDouble())))))}");
        Console.WriteLine($"wnut17: reference test F1 {string.Join(", ", reference.GetProperty("runs").EnumerateArray().Select(run => Four(run.GetProperty("test").GetProperty("test_f1").GetDouble())))}");
        foreach (int seed in Enumerable.Range(arguments.Number("first-seed", 1), arguments.Number("seeds", 1)))
        {
            using TokenClassifier model = Pretrained.TokenClassifier(Shared.Model, types, new TokenClassifierOptions
            {
                MaximumLength = recipe.GetProperty("max_length").GetInt32(),
                Seed = seed,
                Constrained = arguments.Text("constrained", "false") == "true",
                Crf = arguments.Text("crf", "false") == "true",
                ContextTokens = arguments.Number("context", 0),
            });
            FineTuner<TaggedText> tuner = FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(recipe.GetProperty("learning_rate").GetDouble(), recipe.GetProperty("weight_decay").GetDouble()))
                .WithScheduler(Schedule.Linear(warmup: recipe.GetProperty("warmup").GetDouble()))
                .BatchSize(recipe.GetProperty("per_device_train_batch_size").GetInt32()).Epochs(recipe.GetProperty("num_train_epochs").GetInt32()).Seed(seed)
                .With(options => options with { KeepBest = false, GroupByLength = arguments.Text("grouped", "false") == "true" })
                .ValidateOn(dev).OnEvaluation(entry => Console.WriteLine($"  epoch {entry.Epoch:0}: dev F1 {Four(entry.Metrics["f1"])}, strict {Four(entry.Metrics["f1_strict"])}, loss {Four(entry.Metrics["loss"])}"));
            if (model.HasCrf) tuner = tuner.WithRate(weights => weights.Named("crf.*"), 50);
            TrainingResult result = tuner.Train(train);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}: test F1 {Score(model, test)} in {result.TrainingTime.TotalSeconds:0} s of training, {result.TokensPerSecond:0} tokens/s, {result.PaddingShare:P1} padding"));
            foreach (string warning in result.Warnings) Console.WriteLine($"  note: {warning}");
        }
    }

    /// <summary>Training and test data, and the types of entities.</summary>
    internal static (TaggedText[] Train, TaggedText[] Test, string[] Types) Data()
    {
        (TaggedText[] train, _, TaggedText[] test, string[] types) = All();
        return (train, test, types);
    }

    private static (TaggedText[] Train, TaggedText[] Dev, TaggedText[] Test, string[] Types) All()
    {
        ConllSentence[] Read(string name) => [.. ConllFile.Read(Shared.Data("wnut17", name), new ConllOptions { Scheme = TaggingScheme.Plain })];
        ConllSentence[] raw = Read("wnut17train.conll");
        HashSet<string> known = [.. raw.SelectMany(sentence => sentence.Tags)];
        // The test file names several tags where annotators differ, and tags that training never shows.
        TaggedText[] Known(ConllSentence[] sentences) =>
            [.. sentences.Select(sentence => new TaggedWords(sentence.Words, [.. sentence.Tags.Select(tag => tag.Split(',')[0]).Select(tag => known.Contains(tag) ? tag : "O")]))];
        TaggedText[] train = Known(raw), dev = Known(Read("emerging.dev.conll")), test = Known(Read("emerging.test.annotated"));
        string[] types = [.. known.Where(tag => tag != "O").Select(tag => tag[2..]).Distinct().Order(StringComparer.Ordinal)];
        return (train, dev, test, types);
    }

    private static string Score(TokenClassifier model, TaggedText[] test)
    {
        var entities = new EntityAccumulator(model.Tags.Scheme);
        foreach ((TaggedPrediction answer, TaggedText row) in model.Tag(test).Zip(test)) entities.Add(((TaggedWords)row).Tags, [.. answer.Words.Select(word => word.Tag)]);
        MetricReport report = entities.Report(double.NaN);
        return $"{Four(report["f1"])} (strict {Four(report["f1_strict"])}, macro {Four(report["f1_macro"])})";
    }

    private static string Four(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
