using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// New domains: what adapting to a domain's texts gives a tagger of few sentences (--what adapt), and what a run on one domain forgets of another, with each protection
/// (--what forget). Results are lines of a file (--into), and what stands there is not computed again.
/// </summary>
internal static class DomainsCommand
{
    public static void Run(Arguments arguments)
    {
        var kept = new KeptLines(arguments.Text("into", Path.Combine(Path.GetTempPath(), "domains.tsv")));
        string[] domains = arguments.Text("domains", string.Join(',', CrossNer.Domains)).Split(',');
        bool forgets = arguments.Text("what", "adapt") == "forget";
        foreach (int seed in Enumerable.Range(arguments.Number("first-seed", 1), arguments.Number("seeds", 3)))
        {
            foreach (string domain in domains)
            {
                if (forgets) Forget(kept, domain, seed, arguments.Number("epochs", 6));
                else Adapt(kept, domain, seed, arguments);
            }
        }
        kept.Print();
    }

    private static void Adapt(KeptLines kept, string domain, int seed, Arguments arguments)
    {
        (TaggedText[] train, TaggedText[] dev, TaggedText[] test, string[] types) = CrossNer.Read(domain);
        int epochs = arguments.Number("epochs", 10), adapting = arguments.Number("adapting", 5);
        foreach (bool adapted in new[] { false, true })
        {
            kept.Once($"adapt\t{domain}\t{(adapted ? $"adapted, {adapting} epochs" : "direct")}\t{seed}", () =>
            {
                long started = Stopwatch.GetTimestamp();
                using Trunk trunk = Pretrained.Trunk(Shared.Model);
                string perplexity = "";
                if (adapted)
                {
                    DomainAdaptation result = trunk.AdaptTo(CrossNer.Texts(domain), new DomainOptions
                    {
                        MaximumLength = 128, Seed = seed, Recipe = options => options with { Epochs = adapting, BatchSize = 16, Optimizer = Optimizer.AdamW(1e-4) },
                    });
                    perplexity = string.Create(CultureInfo.InvariantCulture, $", perplexity {result.Before["perplexity"]:0.#} -> {result.After["perplexity"]:0.#}");
                }
                using TokenClassifier model = Pretrained.TokenClassifier(trunk, types, new TokenClassifierOptions { MaximumLength = 128, Seed = seed });
                FineTuner.For(model).Epochs(epochs).BatchSize(16).WithOptimizer(Optimizer.AdamW(2e-4)).Seed(seed).ValidateOn(dev).Train(train);
                return (100 * model.Evaluate(test)["f1"], $"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s{perplexity}");
            });
        }
    }

    // First politics, then the domain: the tagger of politics is what is forgotten.
    private static void Forget(KeptLines kept, string domain, int seed, int epochs)
    {
        const string first = "politics";
        if (domain == first) return;
        (TaggedText[] oldTrain, TaggedText[] oldDev, TaggedText[] oldTest, string[] oldTypes) = CrossNer.Read(first);
        (TaggedText[] train, TaggedText[] dev, TaggedText[] test, string[] types) = CrossNer.Read(domain);
        var protections = new (string Name, Func<ContinuedTuner<TaggedText>, ContinuedTuner<TaggedText>> Verb, double Pull)[]
        {
            ("nothing", tuner => tuner, 0), ("replay 0.2", tuner => tuner.WithReplay(0.2), 0), ("replay 0.2, distillation", tuner => tuner.WithReplay(0.2).WithDistillation(), 0),
            ("elastic weights", tuner => tuner.WithElasticWeights(1000, 100), 0), ("starting point", tuner => tuner, 0.01),
        };
        foreach ((string name, Func<ContinuedTuner<TaggedText>, ContinuedTuner<TaggedText>> verb, double pull) in protections)
        {
            string key = $"forget\t{domain}\t{name}\t{seed}";
            if (kept.Has(key)) continue;
            using Trunk trunk = Pretrained.Trunk(Shared.Model);
            using TokenClassifier old = Pretrained.TokenClassifier(trunk, oldTypes, new TokenClassifierOptions { MaximumLength = 128, Seed = seed });
            using TokenClassifier model = Pretrained.TokenClassifier(trunk, types, new TokenClassifierOptions { MaximumLength = 128, Seed = seed });
            FineTuner<TaggedText> Recipe(FineTuner<TaggedText> tuner) => tuner.Epochs(epochs).BatchSize(16).WithOptimizer(Optimizer.AdamW(2e-4)).Seed(seed);
            Recipe(FineTuner.For(old)).ValidateOn(oldDev).Train(oldTrain);
            FineTuner<TaggedText> tuner = Recipe(FineTuner.For(model)).ValidateOn(dev);
            if (pull > 0) tuner = tuner.WithStartingPointPenalty(pull, 0);
            ContinuedResult result = verb(tuner.Keeping(first, old, oldTest, oldTrain)).Train(train);
            KeptScore score = result[first];
            BetweenPoint point = result.Recommended!;
            kept.Add(key, 100 * model.Evaluate(test)["f1"], string.Create(CultureInfo.InvariantCulture,
                $"dev {100 * result.Gained.After["f1"]:0.0}, {first} {100 * score.Before["f1"]:0.0} -> {100 * score.After["f1"]:0.0}; at {point.Share:0.0} dev {100 * point.New:0.0}, {first} {100 * point.Kept[0]:0.0}"));
        }
    }
}
