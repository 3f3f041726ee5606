using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/adapters.md and the adapters of the README, compiled and run.</summary>
public sealed class AdapterPageTests
{
    [Fact]
    public void Everything_on_the_page_works()
    {
        string checkpoint = Goldens.Require("pipelines", "bert-classify");
        DirectoryInfo output = Directory.CreateTempSubdirectory("adapters");
        try
        {
            using TextClassifier<string> model = Pretrained.TextClassifier<string>(checkpoint, new() { Labels = ["bad", "good"], FreshHead = true });
            LabeledText<string>[] reviews = [.. Enumerable.Range(0, 8)
                .Select(i => new LabeledText<string>(i % 2 == 0 ? "a good thing" : "a bad one", i % 2 == 0 ? "good" : "bad"))];
            string folder = Path.Combine(output.FullName, "reviews"), whole = Path.Combine(output.FullName, "whole");
            Tune(model, reviews, folder);
            Serve(model, folder);
            Merge(model, whole);
            Route(model, folder, ["good", "bad", "good thing"]);
            Combine(checkpoint);
            Quantized(checkpoint, reviews);
            Others();
            Assert.True(File.Exists(Path.Combine(whole, "model.safetensors")));
        }
        finally
        {
            output.Delete(recursive: true);
        }
    }

    private static void Tune(TextClassifier<string> model, LabeledText<string>[] reviews, string folder)
    {
        // snippet: adapter-tune
        TrainingResult result = FineTuner.For(model)
            .WithAdapter(Adapter.Lora(rank: 16, alpha: 32).On(l => l.AllLinear()))
            .WithOptimizer(Optimizer.AdamW(learningRate: 2e-4))
            .Train(reviews);
        model.SaveAdapter(folder);                  // adapter_config.json and adapter_model.safetensors, which PEFT opens
        // end
        Assert.True(result.Steps > 0);
    }

    private static void Serve(TextClassifier<string> model, string folder)
    {
        // snippet: adapter-serve
        model.LoadAdapter(folder, "reviews");       // also one that PEFT wrote
        model.WithoutAdapter();                     // the base, to the bit
        model.UseAdapter("reviews");
        // end
        Assert.Equal("reviews", model.Adapters.Active);
    }

    private static void Merge(TextClassifier<string> model, string whole)
    {
        // snippet: adapter-merge
        model.Adapters.Merge();
        model.Save(whole);                          // a plain checkpoint
        model.Adapters.Unmerge();                   // the base as it was, the adapter beside it
        // end
    }

    private static void Route(TextClassifier<string> model, string folder, string[] texts)
    {
        // snippet: adapter-route
        model.LoadAdapter(folder, "mails", use: false);     // under load: nobody's answers change
        IReadOnlyList<Classification<string>> answers =
            model.Adapters.Route(["reviews", null, "mails"], () => model.PredictBatch(texts)); // null: the base
        model.Adapters.Remove("mails");                     // waits for those who use it
        // end
        Assert.Equal(3, answers.Count);
    }

    private static void Combine(string checkpoint)
    {
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(checkpoint);
        foreach (string name in new[] { "reviews", "mails" }) encoder.Adapters.Add(Adapter.Lora(4), name);
        // snippet: adapter-combine
        encoder.Adapters.Combine("both", new() { Kind = CombinationKind.Concatenated }, ("reviews", 0.7), ("mails", 0.3));
        // end
        Assert.Equal("both", encoder.Adapters.Active);
    }

    private static void Quantized(string checkpoint, LabeledText<string>[] reviews)
    {
        // snippet: adapter-quantized
        using Trunk small = Pretrained.Trunk(checkpoint, new() { Quantization = new(QuantizationKind.NormalFloat4) });
        using TextClassifier<string> reviewer = Pretrained.TextClassifier<string>(small, new() { Labels = ["bad", "good"], FreshHead = true });
        FineTuner.For(reviewer).WithAdapter(Adapter.Lora().On(l => l.AllLinear())).Epochs(1).Train(reviews);
        // end
        Assert.Equal("default", reviewer.Adapters.Active);
    }

    private static void Others()
    {
        // snippet: adapter-methods
        Adapter magnitudes = Adapter.Dora(rank: 8).On(l => l.Named("query", "value").InLayers(0, 1));
        Adapter stable = Adapter.Lora(rank: 64, alpha: 16) with { IsRankStabilised = true };
        Adapter principal = Adapter.Lora(rank: 8) with { Start = LoraStart.PrincipalComponents };
        Adapter factors = Adapter.Scaling();        // IA3
        Adapter biases = Adapter.AllBiases();       // BitFit
        Adapter norms = Adapter.Norms();
        Adapter rows = Adapter.Tokens(1000, 1001);  // of the token embeddings
        Adapter prompt = Adapter.Prompt(tokens: 20);
        Adapter prefix = Adapter.Prefix(tokens: 20);
        Adapter adaptive = new AdaptiveLoraAdapter { Rank = 12, TargetRank = 8, WarmupSteps = 100, FinalSteps = 100 };
        // end
        Assert.All(new[] { magnitudes, stable, principal, factors, biases, norms, rows, prompt, prefix, adaptive }, Assert.NotNull);
    }
}
