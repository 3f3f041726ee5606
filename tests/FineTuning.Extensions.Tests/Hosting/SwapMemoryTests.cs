using FineTuning.Adapters;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Testing;
using TorchSharp;
using Xunit;

namespace FineTuning.Extensions.Tests.Hosting;

/// <summary>A model that was swapped out leaves nothing behind: neither tensors nor anybody who holds it. Alone, since tensors are counted.</summary>
[Collection(nameof(SwapMemoryTests))]
[CollectionDefinition(nameof(SwapMemoryTests), DisableParallelization = true)]
public sealed class SwapMemoryTests
{
    private const int Swaps = 6;
    private static readonly string[] Texts = ["a good film", "bad", "it was good and the end was good too"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_model_that_was_swapped_out_is_freed_and_forgotten()
    {
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(Texts);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("finetuning-swaps-");
        string adapter = Path.Combine(folder.FullName, "adapter");
        TextClassifier<string> Open(string path) => Pretrained.TextClassifier(path, new TextClassifierOptions<string> { Labels = ["good", "bad"], FreshHead = true });
        using (TextClassifier<string> model = Open(checkpoint.Folder))
        {
            model.Adapters.Add(Adapter.Lora(rank: 2).On(linear => linear.AllLinear()));
            model.SaveAdapter(adapter);
        }
        var loaded = new List<(WeakReference Model, WeakReference Weights, WeakReference Tokenizer)>();
        var settings = new ServedModelOptions { Folder = checkpoint.Folder };
        settings.Adapters["one"] = adapter;
        await using (var served = new ServedModel<string, Classification<string>>("reviews", settings, path =>
        {
            TextClassifier<string> model = Open(path);
            loaded.Add((new(model), new(model.Weights), new(model.Tokenizer)));
            return model;
        }))
        {
            await Ask(served);
            long tensors = Living();
            for (int i = 0; i < Swaps; i++)
            {
                await served.SwapAsync(checkpoint.Folder, Stop);
                await Ask(served);
                Assert.InRange(Living(), 0, tensors);
            }
            Assert.Equal(Swaps + 1, loaded.Count);
            Assert.All(loaded.SkipLast(1), old => Assert.False(old.Model.IsAlive || old.Weights.IsAlive || old.Tokenizer.IsAlive));
            Assert.True(loaded[^1].Model.IsAlive);
        }
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_old_weights_are_freed_by_the_swap_and_not_by_the_collector()
    {
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(Texts);
        var weights = new List<WeightSet>();
        await using var served = new ServedModel<string, float[]>("vectors", new ServedModelOptions { Folder = checkpoint.Folder }, path =>
        {
            SentenceEncoder encoder = Pretrained.SentenceEncoder(path);
            weights.Add(encoder.Weights);
            return encoder;
        });
        await served.PredictAsync("a film", cancellation: Stop);
        torch.Tensor[] old = [.. weights[0].Select(weight => weight.Value)];
        await served.SwapAsync(checkpoint.Folder, Stop);
        Assert.NotEmpty(old);
        Assert.All(old, tensor => Assert.True(tensor.IsInvalid));
        Assert.All(weights[1], weight => Assert.False(weight.Value.IsInvalid));
        Assert.Throws<ObjectDisposedException>(() => weights[0].Enter());
    }

    // With and without an adapter, as a batch of the caller's own, and one that is cancelled. Batches follow each other, so that its own has ended, too.
    private static async Task Ask(ServedModel<string, Classification<string>> served)
    {
        using var leaves = new CancellationTokenSource();
        Task<Classification<string>> left = served.PredictAsync("gone", cancellation: leaves.Token);
        await Task.WhenAll(Texts.Select((text, i) => served.PredictAsync(text, new PredictionOptions { Adapter = i == 1 ? "one" : null }, Stop)));
        await leaves.CancelAsync();
        await Record.ExceptionAsync(() => left);
        served.PredictBatch(Texts, Stop);
    }

    private static long Living()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return torch.Tensor.TotalCount;
    }
}
