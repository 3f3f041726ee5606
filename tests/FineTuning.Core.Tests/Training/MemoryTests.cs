using System.Diagnostics;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Tests that count what the whole process holds: nothing else may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneInTheProcess
{
    public const string Name = "alone in the process";
}

/// <summary>A long run holds at its end what it held near its beginning.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class MemoryTests
{
    private const string Config = """
        {"model_type":"bert","vocab_size":40,"hidden_size":16,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":32,
         "max_position_embeddings":32,"type_vocab_size":2,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    [Fact]
    public void Ten_thousand_steps_do_not_grow_the_memory()
    {
        using var model = new RowsClassifier(OutputHead.Create(Config, HeadKind.SequenceClassification, 3));
        (long Tensors, long Bytes) early = default, late = default;
        FineTuner.For(model).Steps(10_000).BatchSize(1).OnProgress(progress =>
        {
            if (progress.Phase != TrainingPhase.Training || progress.Step is not (2000 or 10_000)) return;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using Process process = Process.GetCurrentProcess();
            (long, long) now = (torch.Tensor.TotalCount, process.WorkingSet64);
            if (progress.Step == 2000) early = now;
            else late = now;
        }).Train([.. Enumerable.Range(0, 64).Select(i => new IdsWithLabel([.. Enumerable.Range(1, 2 + (i % 18))], i % 3))]);
        Assert.True(late.Tensors <= early.Tensors, $"{late.Tensors - early.Tensors} tensors more after 8,000 steps");
        // A tensor of 4 KB lost in each step would be 32 MB; the allocator's own breathing is far less.
        Assert.True(late.Bytes - early.Bytes < 24 << 20, $"{(late.Bytes - early.Bytes) >> 20} MB more after 8,000 steps");
    }

    /// <summary>
    /// A square of the labels is nowhere: 20,000 of them would take 3,200 MB. What is allocated grows with the rows times the labels, which pass through, and what
    /// stays grows with the labels.
    /// </summary>
    [Fact]
    public void Evaluating_on_many_labels_takes_memory_by_the_label_and_not_by_their_square()
    {
        const int few = 5000, many = 20_000, rows = 40;
        (long smallAllocated, long smallKept) = Cost(few);
        (long allocated, long kept) = Cost(many);
        // Scores and probabilities of a row are read once each, and a label has its counts, its name and its scores.
        long bound = (rows * many * 4L * sizeof(float)) + (many * 1000L);
        Assert.True(allocated < bound, $"{allocated >> 20} MB were allocated for {many} labels; {bound >> 20} were allowed");
        Assert.True(kept < many * 500L, $"{kept >> 10} KB of {many} labels stay");
        Assert.True(allocated < 5 * smallAllocated, $"four times the labels allocated {allocated / (double)smallAllocated:0.0} times as much");
        Assert.True(kept < 5 * Math.Max(smallKept, 1 << 20), $"of four times the labels {kept / (double)smallKept:0.0} times as much stays");

        static (long Allocated, long Kept) Cost(int labels)
        {
            string folder = Goldens.Starter;
            using TextClassifier<int> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<int> { Labels = [.. Enumerable.Range(0, labels)] });
            LabeledText<int>[] data = [.. Enumerable.Range(0, rows).Select(i => new LabeledText<int>("please reset my password", i * 97 % labels))];
            model.Evaluate(data[..1]);
            long held = GC.GetTotalMemory(forceFullCollection: true), before = GC.GetTotalAllocatedBytes(precise: true);
            MetricReport report = model.Evaluate(data);
            long allocated = GC.GetTotalAllocatedBytes(precise: true) - before, kept = GC.GetTotalMemory(forceFullCollection: true) - held;
            Assert.Equal(rows, report.Confusion!.Total);
            Assert.Equal(labels, report.Classes.Count);
            return (allocated, kept);
        }
    }
}
