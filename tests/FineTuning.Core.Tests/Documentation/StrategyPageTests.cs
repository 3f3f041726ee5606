using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/strategies.md, compiled and run.</summary>
public sealed class StrategyPageTests
{
    private static readonly string Checkpoint = Goldens.Starter;

    [Fact]
    public void Several_tasks_share_a_run()
    {
        (string checkpoint, string folder) = (Checkpoint, Directory.CreateTempSubdirectory("tasks").FullName);
        LabeledText<string>[] reviews = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] moreReviews = reviews[..4];
        TaggedText[] sentences = [.. Enumerable.Range(0, 4).Select(i => (TaggedText)new TaggedWords(["anna", "paid"], ["B-person", "O"]))];
        TaggedText[] moreSentences = sentences[..2];
        {
            // snippet: several-tasks
            using Trunk trunk = Pretrained.Trunk(checkpoint);
            using TextClassifier<string> moods = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
            using TokenClassifier names = Pretrained.TokenClassifier(trunk, ["person"]);

            MultiTaskResult result = FineTuner.For(trunk)
                .Task("mood", moods, reviews, validation: moreReviews)
                .Task("names", names, sentences, validation: moreSentences, weight: 0.5)
                .WithSampling(TaskSampling.Temperature(2))
                .WithBalancing(TaskBalancing.Uncertainty)
                .ComparedWithAlone()                        // trains each alone first, from the same weights
                .With(o => o with { Epochs = 2 })
                .Train();

            MetricReport mood = result["mood"].Together!;   // the task's own report
            bool harmed = result["mood"].IsHarmed;          // worse than alone?
            moods.Save(Path.Combine(folder, "mood"));       // each task as a folder of its own
            names.Save(Path.Combine(folder, "names"));
            // end
            Assert.Equal(harmed, mood["accuracy"] < result["mood"].Alone!["accuracy"]);
            Assert.True(File.Exists(Path.Combine(folder, "names", "model.safetensors")));
        }
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_task_that_is_better_alone_is_a_model_of_its_own()
    {
        LabeledText<string>[] reviews = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        TaggedText[] sentences = [.. Enumerable.Range(0, 4).Select(i => (TaggedText)new TaggedWords(["anna", "paid"], ["B-person", "O"]))];
        (LabeledText<string>[] moreReviews, TaggedText[] moreSentences) = (reviews[..4], sentences[..2]);
        var options = new TextClassifierOptions<string> { Labels = ["bad", "good"] };
        using Trunk trunk = Pretrained.Trunk(Checkpoint);
        using TextClassifier<string> moods = Pretrained.TextClassifier(trunk, options);
        using TokenClassifier names = Pretrained.TokenClassifier(trunk, ["person"]);
        // snippet: own-model
        MultiTaskResult result = FineTuner.For(trunk)
            .Task("mood", moods, reviews, validation: moreReviews, ownModel: own => Pretrained.TextClassifier(own, options))
            .Task("names", names, sentences, validation: moreSentences, ownModel: own => Pretrained.TokenClassifier(own, ["person"]))
            .ComparedWithAlone(keepBetter: true)
            .Train();

        using TunableModel? ownMoods = result["mood"].OwnModel;                   // null: the other tasks do not harm it
        using TunableModel? ownNames = result["names"].OwnModel;
        TextClassifier<string> better = ownMoods as TextClassifier<string> ?? moods;
        // end
        Assert.Equal(result["mood"].IsHarmed, ownMoods is not null);
        Assert.NotNull(better.Predict("a good thing"));
    }

    [Fact]
    public void Each_task_has_an_adapter()
    {
        string folder = Directory.CreateTempSubdirectory("adapters").FullName, runs = Path.Combine(folder, "runs");
        LabeledText<string>[] reviews = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] moreReviews = reviews[..4];
        TaggedText[] sentences = [.. Enumerable.Range(0, 4).Select(i => (TaggedText)new TaggedWords(["anna", "paid"], ["B-person", "O"]))];
        TaggedText[] moreSentences = sentences[..2];
        using Trunk trunk = Pretrained.Trunk(Checkpoint);
        using TextClassifier<string> moods = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        using TokenClassifier names = Pretrained.TokenClassifier(trunk, ["person"]);
        {
            // snippet: task-adapters
            MultiTaskResult result = FineTuner.For(trunk)
                .Task("mood", moods, reviews, validation: moreReviews)
                .Task("names", names, sentences, validation: moreSentences, adapter: Adapter.Lora(rank: 4))
                .WithAdapters(Adapter.Lora(rank: 8))                // for each task that was given none
                .ComparedWithAlone(keepBetter: true)                // a task that is better alone gets what it learned alone
                .CheckpointTo(runs, every: 100).Resume()
                .With(o => o with { Epochs = 2, Optimizer = Optimizer.AdamW(2e-4) })
                .Train();

            moods.UseAdapter("mood");                               // by the task's name; after the run none is active
            moods.SaveAdapter(Path.Combine(folder, "mood"));        // with its head, as PEFT opens it
            moods.WithoutAdapter();
            names.UseAdapter("names");
            names.Adapters.Merge();
            names.Save(Path.Combine(folder, "names"));              // a plain checkpoint
            names.Adapters.Unmerge();
            names.WithoutAdapter();
            var answers = moods.Adapters.Route(["mood"], () => moods.PredictBatch(["a good thing"]));  // while others ask other heads
            // end
            Assert.Equal(2, result.Tasks.Count);
            Assert.Single(answers);
            Assert.True(File.Exists(Path.Combine(folder, "mood", "adapter_model.safetensors")));
            Assert.True(File.Exists(Path.Combine(folder, "names", "model.safetensors")));
        }
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_language_model_keeps_what_it_knew()
    {
        PromptCompletion[] Of(params string[] texts) => [.. texts.Select(PromptCompletion.OfText)];
        PromptCompletion[] domainTexts = Of([.. Enumerable.Range(0, 8).Select(i => $"the invoice number {i} was paid late")]), newTexts = domainTexts[..2];
        PromptCompletion[] generalTexts = Of("a film about a dog", "rain fell on the town"), generalTest = Of("she reads a letter");
        using CausalLanguageModel writer = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        // snippet: language-kept
        ContinuedResult result = FineTuner.For(writer)
            .WithAdapter(Adapter.Lora(rank: 8))                          // or without: the whole model learns
            .ValidateOn(newTexts)
            .Keeping("general", writer, generalTest, learned: generalTexts)
            .WithReplay(0.2)
            .WithDistillation(share: 0.3)                                // at each token, towards what it gave before the run
            .Train(domainTexts);

        double before = result["general"].Before["perplexity"], after = result["general"].After["perplexity"];
        // end
        Assert.Equal(after - before, result["general"].Forgotten, 1e-12);
    }

    [Fact]
    public void Frozen_layers_are_computed_once()
    {
        LabeledText<string>[] train = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] dev = train[..4];
        using TextClassifier<string> model = Pretrained.TextClassifier(Checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        // snippet: frozen-layers
        TrainingResult result = FineTuner.For(model)
            .Freeze(l => l.Trunk())                                 // the head alone
            .Epochs(20)
            .ValidateOn(dev)
            .KeepFrozenStates(o => o with { KeepAfterRun = true })  // for the next runs; without this line they are freed at the end
            .Train(train);

        FrozenStateUse kept = result.FrozenStates[0];               // layers, rows, bytes in memory and on disk, time
        FineTuner.For(model).Freeze(l => l.Trunk()).Epochs(20).WithOptimizer(Optimizer.AdamW(1e-3)).Train(train);   // finds them all
        model.Trunk.ForgetFrozenStates();
        // end
        Assert.True(kept is { NotKept: null, Rows: 2 }, kept.ToString());
    }

    [Fact]
    public void A_rate_is_found()
    {
        string folder = Directory.CreateTempSubdirectory("rates").FullName;
        LabeledText<string>[] train = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        using TextClassifier<string> model = Pretrained.TextClassifier(Checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        // snippet: learning-rate
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Freeze(l => l.Embeddings().Layers(..1)).Epochs(3);
        LearningRateCurve rates = tuner.FindLearningRate(train);            // the model has its weights back, to the bit
        TrainingResult result = tuner.WithOptimizer(Optimizer.AdamW(rates.Suggested)).Train(train);
        result.SaveReport(Path.Combine(folder, "report.html"), [rates]);    // the curve is a section of the report
        // end
        Assert.Contains("Learning rates", File.ReadAllText(Path.Combine(folder, "report.html")), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Recipes_are_searched()
    {
        string folder = Directory.CreateTempSubdirectory("search").FullName;
        LabeledText<string>[] train = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] dev = train[..4];
        using TextClassifier<string> model = Pretrained.TextClassifier(Checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        TextWriter before = Console.Out;
        Console.SetOut(TextWriter.Null);
        // snippet: search
        SearchResult found = FineTuner.Search(FineTuner.For(model).Freeze(l => l.Trunk()).Epochs(9).ValidateOn(dev))
            .Over("rate", SearchInterval.LogUniform(1e-4, 1e-1), (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) })
            .Over("rows", [8, 16, 32], (o, rows) => o with { BatchSize = rows })
            .Trials(9)                                                      // how many; without intervals all combinations
            .Seeds(1, 2)                                                    // each recipe with both, compared by the mean
            .Halving(factor: 3, lengths: 3)                                 // nine for one epoch, three for three, one for nine
            .Journal(Path.Combine(folder, "search.jsonl"))                  // the same search goes on from it
            .TimeLimit(TimeSpan.FromMinutes(10))
            .Train(train);                                                  // the model is what the best recipe makes of it

        TrainingOptions best = found.Recipe;
        Console.WriteLine(found);                                           // the table; found is also a section of a report
        // end
        Console.SetOut(before);
        Assert.Equal(9, found.Trials.Count);
        Assert.Equal(9, best.Epochs);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Over_fitting_is_held_against()
    {
        LabeledText<string>[] train = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] dev = train[..4];
        using TextClassifier<string> model = Pretrained.TextClassifier(Checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        // snippet: against-over-fitting
        TrainingResult result = FineTuner.For(model)
            .WithDropoutConsistency(alpha: 1)           // R-Drop
            .WithWeightAverage(decay: 0.99)
            .StopEarly(patience: 2)
            .ValidateOn(dev)
            .Train(train);
        // end
        Assert.True(result.Steps > 0);
    }

    [Fact]
    public void A_domain_comes_first_and_what_was_learned_before_is_kept()
    {
        string checkpoint = Checkpoint, folder = Directory.CreateTempSubdirectory("domain").FullName;
        string[] domainTexts = [.. Enumerable.Range(0, 20).Select(i => $"the invoice number {i} was paid late")], generalTexts = ["a film about a dog", "rain fell on the town"];
        LabeledText<string>[] reviews = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        (LabeledText<string>[] oldTrain, LabeledText<string>[] oldTest, LabeledText<string>[] newTrain, LabeledText<string>[] newDev) = (reviews, reviews, reviews, reviews);
        try
        {
            // snippet: new-domain
            DomainAdaptation adapted = Pretrained.Trunk(checkpoint)
                .AdaptTo(domainTexts, new DomainOptions { KeptTexts = generalTexts, Replay = 0.1 });
            using Trunk trunk = adapted.Trunk;
            using TextClassifier<string> model = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
            FineTuner.For(model).Epochs(3).Train(reviews);

            double better = adapted.Before["perplexity"] - adapted.After["perplexity"];     // on texts of the domain that were held out
            double forgotten = adapted.Kept!["kept texts"].Forgotten;                       // on texts such as the checkpoint came from
            // end
            Assert.True(double.IsFinite(better) && double.IsFinite(forgotten));
            // snippet: learned-before
            ContinuedResult result = FineTuner.For(model)
                .ValidateOn(newDev)
                .Keeping("reviews", model, oldTest, learned: oldTrain)   // measured before and after
                .WithReplay(0.2)                                         // a fifth of the batches are old ones
                .AtRecommendedPoint()                                    // the best weights between old and new
                .Train(newTrain);

            double gained = result.Gained.After["accuracy"] - result.Gained.Before["accuracy"];
            double lost = result["reviews"].Forgotten;                   // with the weights that the run ended with
            BetweenPoint point = result.Recommended!;                    // what the model has now
            result.SaveReport(Path.Combine(folder, "report.html"));      // with the curve between old and new
            // end
            Assert.True(double.IsFinite(gained) && double.IsFinite(lost) && point.Share <= 1);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Texts_change_and_data_grows()
    {
        string folder = Directory.CreateTempSubdirectory("stages").FullName;
        LabeledText<string>[] train = [.. Enumerable.Range(0, 240).Select(i => new LabeledText<string>(i % 2 == 0 ? $"a good thing {i}" : $"a bad one {i}", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] dev = train[..12];
        using TextClassifier<string> model = Pretrained.TextClassifier(Checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"], MaximumLength = 16 });
        // snippet: texts-that-change
        TrainingResult augmented = FineTuner.For(model)
            .WithAugmentation([Augmentation.Words(swap: 0.1, delete: 0.1), Augmentation.Characters(0.05)], share: 0.5)
            .WithGreedySoup(candidates: 3)
            .StopEarly(patience: 3, smoothing: 0.5)         // patience waits for the smoothed curve
            .ValidateOn(dev)
            .Train(train);

        if (augmented.Overfitting is { } sign) Console.WriteLine($"learned by heart since epoch {sign.Epoch}");
        // end
        Assert.True(augmented.Steps > 0);
        // snippet: growing-data
        IncrementalResult stages = FineTuner.For(model)
            .Epochs(3)
            .ValidateOn(dev)
            .Incrementally(new IncrementalOptions { FirstRows = 50, PricePerLabel = 0.20m, ValuePerPoint = 150 })
            .Train(train);

        LearningForecast forecast = stages.Forecast!;
        ForecastPoint twice = forecast.Twice;               // expected, and an interval of 80 %
        bool? worthIt = forecast.IsWorth(twice);            // points against money
        stages.SaveReport(Path.Combine(folder, "stages.html"));
        // end
        Assert.Equal([60, 240], stages.Stages.Select(stage => stage.Rows));
        Assert.NotNull(worthIt);
        Assert.True(twice.Low <= twice.Expected && twice.Expected <= twice.High);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Several_classifiers_answer_together()
    {
        string checkpoint = Checkpoint;
        LabeledText<string>[] train = [.. Enumerable.Range(0, 20).Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
        // snippet: ensemble
        EnsembleResult<string> five = Ensemble.OverFolds(
            make: seed => Pretrained.TextClassifier(checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"], Seed = seed }),
            recipe: tuner => tuner.Epochs(2),
            data: train, folds: 5);
        using EnsembleClassifier<string> ensemble = five.Model;
        Classification<string> answer = ensemble.Predict("a good thing");
        // end
        Assert.Equal(5, ensemble.Members.Count);
        Assert.InRange(answer.Confidence, 0.5, 1);
    }

    [Fact]
    public void A_recipe_is_chosen_by_measurements()
    {
        string folder = Directory.CreateTempSubdirectory("adaptive").FullName;
        LabeledText<string>[] train = [.. Enumerable.Range(0, 32).Select(i => new LabeledText<string>($"a {(i % 2 == 0 ? "good" : "bad")} thing {i % 5}", i % 2 == 0 ? "good" : "bad"))];
        LabeledText<string>[] dev = train[..8];
        using TextClassifier<string> model = Pretrained.TextClassifier(Checkpoint, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        TextWriter before = Console.Out;
        Console.SetOut(TextWriter.Null);
        // snippet: adaptive
        AdaptiveResult result = FineTuner.For(model)
            .ValidateOn(dev)
            .Adaptive(AdaptiveBudget.OfRows(12 * train.Length))         // or OfTime(TimeSpan.FromMinutes(10)), or both
            .Train(train);

        Console.WriteLine(result);                                      // what was chosen, and why, in sentences and numbers
        double difficulty = result.Measured.Difficulty;                 // 0: a linear head finds all there is to be known of a label
        ExampleInformation hardest = result.Measured.Examples[0];       // by example: hard, or wrongly labelled?
        TrainingOptions recipe = result.Recipe;                         // a plain recipe, to be stored and run again
        result.SaveReport(Path.Combine(folder, "report.html"));
        // end
        Console.SetOut(before);
        Assert.InRange(difficulty, 0, 1);
        Assert.InRange(hardest.Index, 0, train.Length - 1);
        Assert.Equal(recipe, TrainingOptions.FromJson(recipe.ToJson()));
        Directory.Delete(folder, recursive: true);
    }
}
