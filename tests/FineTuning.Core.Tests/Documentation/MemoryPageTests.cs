using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Tests.Training;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/memory.md, on a small checkpoint of the goldens.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class MemoryPageTests
{
    private static readonly LabeledText<string>[] Texts =
        [.. Enumerable.Range(0, 24).Select(i => new LabeledText<string>(i % 2 == 0 ? $"a good thing number {i}" : $"the bad one {i} of a long evening", i % 2 == 0 ? "positive" : "negative"))];

    [Fact]
    public void MoreDataThanMemory()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Goldens.Require("pipelines", "bert-classify"));
        string rows = KilledRun.NewFolder();
        IEnumerable<LabeledText<string>> data = Texts.Select(text => text);
        try
        {
            // snippet: rows
            TrainingResult result = FineTuner.For(model)
                .KeepRowsOnDisk(rows)          // without a folder: beside the checkpoints
                .Epochs(1)
                .Train(data);                  // any IEnumerable: a file that is read line by line
            // end
            Assert.Equal(Texts.Length, result.TrainingRows);
            Assert.Single(Directory.GetDirectories(rows));
        }
        finally
        {
            Directory.Delete(rows, recursive: true);
        }
    }

    [Fact]
    public void Budgets()
    {
        string checkpoint = Goldens.Require("pipelines", "bert-classify");
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(checkpoint);
        (LabeledText<string>[] train, LabeledText<string>[] dev) = (Texts, Texts[..8]);
        // snippet: estimate
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model)
            .BatchSize(16)
            .Epochs(3)
            .ValidateOn(dev);

        MemoryEstimate estimate = tuner.Estimate(train);   // the largest batches are computed, as far as they surely fit; the model stays as it is
        Console.WriteLine(estimate);                       // what is held now, the optimizer, copies, micro-batches, evaluation, the limit

        bool fits = estimate.Fits(8L << 30);               // 8 GB for the whole process
        int rows = estimate.LargestBatch(8L << 30);        // rows of a micro-batch
        int more = estimate.LargestBatch(8L << 30, gradientCheckpointing: true);
        // end
        Assert.True(fits && rows > 16 && more > 16, estimate.ToString());
        // snippet: budget
        FineTuner<LabeledText<string>> fitted = tuner.FitInto(train, bytes: 8L << 30);   // without bytes: nine tenths of what container and machine have
        TrainingResult result = fitted.Train(train);
        // end
        Assert.Equal(6, result.Steps);
        // snippet: checkpointing
        FineTuner<LabeledText<string>> all = tuner.WithGradientCheckpointing();
        FineTuner<LabeledText<string>> some = tuner.WithGradientCheckpointing(l => l.Layers(..1));   // the lowest layer; rules as for Freeze
        // end
        Assert.Equal(6, all.Train(train).Steps);
        Assert.NotEqual(all.Options, some.Options);
        // snippet: half
        using TextClassifier<string> half = Pretrained.TextClassifier<string>(checkpoint, new TextClassifierOptions<string> { FrozenPrecision = Precision.BFloat16 });

        FineTuner.For(half).WithAdapter(Adapter.Lora(rank: 4)).Epochs(1).Train(train);
        // end
        Assert.NotNull(half.Adapters.Active);
    }
}
