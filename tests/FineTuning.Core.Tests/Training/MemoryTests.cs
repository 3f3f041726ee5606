using System.Diagnostics;
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
}
