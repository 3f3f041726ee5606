using System.ComponentModel;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>Less memory changes nothing of what is learned: checkpointing, and micro-batches that are computed in parts where memory ends.</summary>
public sealed class MemoryRunTests
{
    private static readonly TrainingOptions Recipe = new() { BatchSize = 5, Accumulation = 2, Steps = 6, Optimizer = Optimizer.AdamW(1e-2) };

    private static double Largest(float[] one, float[] other) => one.Zip(other, (a, b) => Math.Abs(a - b)).Max();

    [Fact]
    public void A_run_with_checkpointing_is_the_run_without()
    {
        using RowsClassifier plain = TinyRun.Model(), all = TinyRun.Model(), lowest = TinyRun.Model();
        TrainingResult expected = TinyRun.Run(plain, Recipe), found = TinyRun.Run(all, Recipe with { GradientCheckpointing = new WeightFilter().Layers(..) });
        TinyRun.Run(lowest, Recipe with { GradientCheckpointing = new WeightFilter().Layer(0) });
        Assert.Equal(expected.History.Select(step => step.Loss), found.History.Select(step => step.Loss));
        Assert.True(Largest(TinyRun.Values(plain), TinyRun.Values(all)) < 1e-6);
        Assert.True(Largest(TinyRun.Values(plain), TinyRun.Values(lowest)) < 1e-6);
        Assert.DoesNotContain(found.Warnings, warning => warning.Contains("GradientCheckpointing", StringComparison.Ordinal));
    }

    [Fact]
    public void The_choice_of_layers_is_part_of_the_recipe_and_is_checked()
    {
        using RowsClassifier model = TinyRun.Model();
        FineTuner<IdsWithLabel> tuner = FineTuner.For(model).WithGradientCheckpointing(l => l.Layers(..1).Named("*.layer.1.*"));
        Assert.Equal(tuner.Options, TrainingOptions.FromJson(tuner.Options.ToJson()));
        Assert.NotEqual(tuner.Options, FineTuner.For(model).WithGradientCheckpointing().Options);
        InvalidOptionsException refused = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithGradientCheckpointing(l => l.Named("typo")).Train(TinyRun.Data(4)));
        Assert.Contains("GradientCheckpointing", refused.Message, StringComparison.Ordinal);
        Assert.Equal("GradientCheckpointing", Assert.Throws<ArgumentNullException>(() => FineTuner.For(model).With(o => o with { GradientCheckpointing = null! })).ParamName);
        // Where nothing below the head trains, nothing is kept: the user is told that the choice changes nothing.
        TrainingResult idle = FineTuner.For(model).Freeze(l => l.Trunk()).WithGradientCheckpointing().Steps(1).Train(TinyRun.Data(4));
        Assert.Contains(idle.Warnings, warning => warning.Contains("GradientCheckpointing changes nothing", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Fault.Forward)]
    [InlineData(Fault.Backward)]
    [InlineData(Fault.Managed)]
    public void Where_memory_ends_parts_are_computed_and_the_step_is_the_same(Fault fault)
    {
        using RowsClassifier plain = TinyRun.Model(), behind = TinyRun.Model();
        using var narrow = new NarrowModel(behind, mostTokens: 16, fault);
        TrainingOptions still = Recipe with { Optimizer = Optimizer.Sgd(0.1) };
        TrainingResult expected = Run(new NarrowModel(plain, int.MaxValue, fault), still), found = Run(narrow, still);
        Assert.True(narrow.Failures > 0);
        Assert.All(expected.History.Zip(found.History), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-5));
        Assert.True(Largest(TinyRun.Values(plain), TinyRun.Values(behind)) < 1e-6);
        Assert.Contains(found.Warnings, warning => warning.Contains("memory ended", StringComparison.Ordinal) && warning.Contains("same effective batch", StringComparison.Ordinal));
        Assert.Equal((expected.Tokens, expected.Steps), (found.Tokens, found.Steps));
    }

    [Fact]
    public void What_cannot_be_made_smaller_ends_the_run_with_advice_and_whole_weights()
    {
        using RowsClassifier behind = TinyRun.Model();
        float[] before = TinyRun.Values(behind);
        using var one = new NarrowModel(behind, mostTokens: 1, Fault.Forward);
        TrainingMemoryException failure = Assert.Throws<TrainingMemoryException>(() => Run(one, Recipe));
        Assert.Contains("1 rows", failure.Message, StringComparison.Ordinal);
        using var together = new NarrowModel(behind, mostTokens: 16, Fault.Forward) { Adds = false };
        Assert.Contains("compares the rows", Assert.Throws<TrainingMemoryException>(() => Run(together, Recipe)).Message, StringComparison.Ordinal);
        Assert.Equal(before, TinyRun.Values(behind));
        Assert.All(behind.Weights, weight => Assert.Null(weight.Value.grad));
    }

    /// <summary>A pass takes a megabyte a token here, and there is room for some.</summary>
    [Theory]
    [InlineData(1000, 0)]
    [InlineData(16, 1)]
    [InlineData(10, 1)]
    public void Where_the_address_space_has_no_room_for_a_pass_it_never_begins(int tokens, int least)
    {
        using RowsClassifier plain = TinyRun.Model(), behind = TinyRun.Model();
        TrainingOptions still = Recipe with { Optimizer = Optimizer.Sgd(0.1) };
        using var watched = new NarrowModel(behind, int.MaxValue, Fault.Forward);
        int begun = 0;
        var room = new AddressRoom(() => AddressSpace.Reserve + ((long)(1.3 * tokens) << 20), pass =>
        {
            pass();
            begun = Math.Max(begun, watched.LastTokens);
            return (long)watched.LastTokens << 20;
        });
        TrainingResult expected = Run(new NarrowModel(plain, int.MaxValue, Fault.Forward), still), found = Run(watched, still, room);
        Assert.All(expected.History.Zip(found.History), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-5));
        Assert.True(Largest(TinyRun.Values(plain), TinyRun.Values(behind)) < 1e-6);
        Assert.True(begun <= 1.3 * tokens, $"a pass over {begun} tokens began");
        Assert.True(watched.MostTokens <= 1.3 * tokens, $"a pass over {watched.MostTokens} tokens began");
        Assert.True(found.Warnings.Count(warning => warning.Contains("address space", StringComparison.Ordinal)) >= least);
        Assert.Equal(least == 0, found.Warnings.Count == expected.Warnings.Count);
    }

    [Fact]
    public void The_first_batch_that_is_computed_is_the_largest()
    {
        using RowsClassifier behind = TinyRun.Model();
        using var watched = new NarrowModel(behind, int.MaxValue, Fault.Forward);
        Run(watched, Recipe);
        Assert.Equal(watched.MostTokens, watched.FirstTokens);
        Assert.True(watched.LeastTokens < watched.MostTokens);
    }

    [Fact]
    public void Where_not_even_native_code_has_room_nothing_begins()
    {
        using RowsClassifier behind = TinyRun.Model();
        using var watched = new NarrowModel(behind, int.MaxValue, Fault.Forward);
        TrainingMemoryException failure = Assert.Throws<TrainingMemoryException>(() => Run(watched, Recipe, new AddressRoom(() => AddressSpace.Reserve - 1, _ => throw new InvalidOperationException())));
        Assert.Contains("the address space has", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, watched.MostTokens);
        // All passes fit, what the optimizer keeps does not: weights stay whole.
        long left = AddressSpace.Reserve + 1000;
        TrainingMemoryException late = Assert.Throws<TrainingMemoryException>(() => Run(watched, Recipe, new AddressRoom(() => left, pass =>
        {
            pass();
            return 0;
        })));
        Assert.Contains("the optimizer's step", late.Message, StringComparison.Ordinal);
        Assert.NotNull(TrainingFailure.Of(late));
    }

    [Fact]
    public void Other_failures_are_thrown_as_they_are()
    {
        using RowsClassifier behind = TinyRun.Model();
        using var broken = new NarrowModel(behind, mostTokens: 16, Fault.Other);
        Assert.Throws<Win32Exception>(() => Run(broken, Recipe));
    }

    [Fact]
    public void What_optimizers_are_said_to_keep_is_what_they_keep()
    {
        foreach (Optimizer optimizer in new Optimizer[]
        {
            Optimizer.AdamW(), Optimizer.AdamW(amsGrad: true), Optimizer.Adam(), Optimizer.Sgd(), Optimizer.Sgd(momentum: 0.9), Optimizer.RmsProp(), Optimizer.RmsProp(momentum: 0.9),
            Optimizer.Adagrad(), Optimizer.RAdam(), Optimizer.NAdam(), Optimizer.Adafactor(), Optimizer.Lion(),
        })
        {
            using var scope = NewDisposeScope();
            using var gradients = no_grad();
            using RowsClassifier model = TinyRun.Model();
            using OptimizerState state = optimizer.CreateState();
            Weight[] weights = [.. model.Weights];
            state.Step(weights, [.. weights.Select(weight => ones_like(weight.Value))], new UpdateSettings(1e-3, 0, 1));
            var written = new StateWriter();
            state.Export(written);
            // A fused optimizer counts its steps in a tensor.
            long kept = written.Tensors.Where(pair => !pair.Key.EndsWith("/step", StringComparison.Ordinal)).Sum(pair => pair.Value.numel());
            written.Discard();
            Assert.True(kept == weights.Sum(optimizer.MomentCount), $"{optimizer}: {kept} kept, {weights.Sum(optimizer.MomentCount)} said");
        }
    }

    private static TrainingResult Run(TunableModel<IdsWithLabel> model, TrainingOptions options, AddressRoom? room = null)
    {
        var rows = FineTuning.Batching.RowSet.Encode(model, TinyRun.Data(20), "training data", null, default);
        return new TrainingLoop(model, rows, null, options, new RunObserver(), default) { Room = room }.Run();
    }

    public enum Fault
    {
        Forward,
        Backward,
        Managed,
        Other,
    }

    /// <summary>A model whose memory ends where a batch has more tokens than it can hold; without dropout.</summary>
    private sealed class NarrowModel(RowsClassifier inner, int mostTokens, Fault fault) : TunableModel<IdsWithLabel>
    {
        public int Failures { get; private set; }

        public int LastTokens { get; private set; }

        public int FirstTokens { get; private set; }

        public int MostTokens { get; private set; }

        public int LeastTokens { get; private set; } = int.MaxValue;

        public bool Adds { get; init; } = true;

        public override WeightSet Weights => inner.Weights;

        public override bool LossAddsOverRows => Adds;

        public override EncodedRow? Encode(IdsWithLabel example, EncodingReport report) => inner.Encode(example, report);

        public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => inner.Collate(rows, paddedLength);

        public override Tensor SumLoss(Batch batch, ForwardContext context)
        {
            LastTokens = batch.Rows.Count * batch.PaddedLength;
            if (MostTokens == 0) FirstTokens = LastTokens;
            (MostTokens, LeastTokens) = (Math.Max(MostTokens, LastTokens), Math.Min(LeastTokens, LastTokens));
            Tensor sum = inner.SumLoss(batch, ForwardContext.For(null, Precision.Float32, context.Recomputed));
            if (batch.Rows.Count * batch.PaddedLength <= mostTokens) return sum;
            Failures++;
            Exception failure = fault switch
            {
                Fault.Managed => new InsufficientMemoryException(),
                Fault.Other => new Win32Exception(1, "shapes do not fit"),
                _ => new Win32Exception(1, "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes."),
            };
            if (fault != Fault.Backward) throw failure;
            // Half of the backward pass is done before it fails.
            return sum.Plus(Recomputation.Of(read => is_grad_enabled() && read[0].requires_grad && ++_calls % 2 == 0 ? throw failure : read[0].Squared(), [sum]) * Scalars.Held(0));
        }

        private int _calls;

        public override IEvaluation NewEvaluation() => inner.NewEvaluation();

        // The weights are the inner model's.
        protected override void Dispose(bool disposing) => base.Dispose(false);
    }
}
