using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tests.Training;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Runs with adapters that are interrupted, ranks that move, and adapters of another base.</summary>
public sealed class AdapterLawTests
{
    private static readonly Dictionary<string, Adapter> Methods = new()
    {
        ["lora"] = Adapter.Lora(4).On(l => l.AllLinear()) with { Dropout = 0.2 },
        ["dora"] = Adapter.Dora(4),
        ["pissa"] = Adapter.Lora(4) with { Start = LoraStart.PrincipalComponents },
        ["factors"] = Adapter.Scaling(),
        ["biases"] = Adapter.AllBiases(),
        ["norms"] = Adapter.Norms(),
        ["prompt"] = Adapter.Prompt(3),
        ["encoded"] = Adapter.EncodedPrompt(3) with { HiddenSize = 4, Encoder = PromptEncoder.Lstm, Dropout = 0.2 },
        ["prefix"] = Adapter.Prefix(3) with { ProjectionSize = 4 },
        ["adaptive"] = new AdaptiveLoraAdapter { Rank = 4, TargetRank = 2, WarmupSteps = 1, FinalSteps = 2 },
    };

    public static TheoryData<string> Names() => [.. Methods.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_run_that_is_continued_ends_with_the_same_bits(string name)
    {
        Adapter adapter = Methods[name];
        var feature = new AdapterTuning("default", AdapterConfig.Write(adapter, null)) { Adapter = adapter };
        foreach (int step in new[] { 2, 5 })
        {
            var options = new TrainingOptions
            {
                Optimizer = Optimizer.AdamW(1e-2), Steps = 7, BatchSize = 4, EvaluateEvery = EvaluationInterval.Steps(2), Features = [feature,
                    new ExportOnce(step, false)],
            };
            using RowsClassifier whole = TinyRun.Model(), fresh = TinyRun.Model();
            feature.Prepare(whole);
            feature.Prepare(fresh);
            float[] before = TinyRun.Values(fresh);
            TinyRun.Run(whole, options);
            using RunState state = ExportOnce.Take()!;
            TinyRun.Run(fresh, options, state);
            ExportOnce.Take()?.Dispose();
            Assert.NotEqual(before, TinyRun.Values(fresh));
            Assert.Equal(TinyRun.Values(whole), TinyRun.Values(fresh));
            whole.WithoutAdapter();
            using RowsClassifier untouched = TinyRun.Model();
            Assert.Equal(TinyRun.Values(untouched), TinyRun.Values(whole));
        }
    }

    [Fact]
    public void Ranks_move_to_where_they_matter()
    {
        var adapter = new AdaptiveLoraAdapter { Rank = 4, TargetRank = 2, FinalSteps = 3 };
        var feature = new AdapterTuning("default", AdapterConfig.Write(adapter, null)) { Adapter = adapter };
        using RowsClassifier model = TinyRun.Model();
        feature.Prepare(model);
        AdaptiveLinear[] modules = [.. model.ActiveAdapter!.Linears.Cast<AdaptiveLinear>()];
        TinyRun.Run(model, new() { Optimizer = Optimizer.AdamW(1e-2), Steps = 12, BatchSize = 4, KeepBest = false, Features = [feature] });
        long[] ranks = [.. modules.Select(module => module.E.Value.count_nonzero().item<long>())];
        Assert.Equal(2 * modules.Length, ranks.Sum());
        Assert.All(ranks, rank => Assert.InRange(rank, 0, 4));
    }

    [Theory]
    [InlineData(0, 6)]
    [InlineData(3, 3)]
    [InlineData(6, 0)]
    public void An_allocation_that_has_no_step_is_refused(int warmup, int final)
    {
        var adapter = new AdaptiveLoraAdapter { Rank = 4, TargetRank = 2, WarmupSteps = warmup, FinalSteps = final };
        var feature = new AdapterTuning("default", AdapterConfig.Write(adapter, null)) { Adapter = adapter };
        using RowsClassifier model = TinyRun.Model();
        feature.Prepare(model);
        InvalidOptionsException refusal = Assert.Throws<InvalidOptionsException>(() => TinyRun.Run(model, new() { Steps = 6, BatchSize = 4, Features = [feature] }));
        Assert.Contains("6 steps in all", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_of_the_allocation_are_all_named()
    {
        using RowsClassifier model = TinyRun.Model();
        var adapter = new AdaptiveLoraAdapter { Rank = 4, TargetRank = 5, WarmupSteps = -1, Interval = 0, SensitivityDecay = 1 };
        Assert.Equal(4, Assert.Throws<InvalidOptionsException>(() => model.Adapters.Add(adapter)).Violations.Count);
    }

    [Fact]
    public void An_adapter_of_another_base_is_refused_by_name()
    {
        using RowsClassifier first = TinyRun.Model(), second = TinyRun.Model();
        first.Adapters.Add(Adapter.Lora(2));
        DirectoryInfo target = Directory.CreateTempSubdirectory("adapter");
        try
        {
            string folder = Path.Combine(target.FullName, "saved");
            first.SaveAdapter(folder);
            second.LoadAdapter(folder, "same base");
            second.WithoutAdapter();
            foreach (WeightKind kind in new[] { WeightKind.Norm, WeightKind.Embedding })
            {
                using (no_grad()) second.Weights.First(weight => weight.Kind == kind).Own.mul_(Held(1.5));
                CheckpointException fault = Assert.Throws<CheckpointException>(() => second.LoadAdapter(folder, $"{kind}"));
                Assert.Contains(kind == WeightKind.Norm ? "norms" : "word_embeddings", fault.Message, StringComparison.Ordinal);
            }
            second.Adapters.Load(folder, "on purpose", anyBase: true);
            Assert.Equal("on purpose", second.Adapters.Active);
        }
        finally
        {
            target.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_same_base_in_another_type_is_the_same_base()
    {
        string checkpoint = Goldens.Require("peft", "bases", "llama");
        DirectoryInfo target = Directory.CreateTempSubdirectory("adapter");
        try
        {
            string folder = Path.Combine(target.FullName, "saved");
            using (OutputHead head = OutputHead.Load(checkpoint, HeadKind.CausalLanguage))
            {
                using var adapters = new ModelAdapters(head);
                adapters.Add(Adapter.Lora(2));
                adapters.Save(folder);
            }
            foreach (ModelLoadOptions options in new ModelLoadOptions[]
            {
                new() { FrozenPrecision = FineTuning.Tensors.Precision.BFloat16 }, new() { Quantization = new() },
                    new() { Quantization = new(QuantizationKind.Int8) },
            })
            {
                using OutputHead head = OutputHead.Load(checkpoint, HeadKind.CausalLanguage, options: options);
                using var adapters = new ModelAdapters(head);
                adapters.Load(folder);
                Assert.Equal("default", adapters.Active);
            }
        }
        finally
        {
            target.Delete(recursive: true);
        }
    }
}
