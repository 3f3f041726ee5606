using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Testing;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Extensions.Tests.Hosting;

/// <summary>A model is exchanged while requests go on, and adapters answer side by side.</summary>
public sealed class SwapTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_old_model_is_freed_behind_its_last_caller()
    {
        HeldModel old = new(), next = new(100);
        next.Free();
        await using var served = new ServedModel<string, int>("lengths", new ServedModelOptions { Folder = "old", Concurrency = 2 }, folder => folder == "old" ? old : next);
        Task<int> inside = served.PredictAsync("inside", cancellation: Stop);
        await old.Entered();
        Task swap = served.SwapAsync("next", Stop);
        // The new model answers while the old one is still at work.
        while (served.Folder != "next") await Task.Yield();
        Assert.Equal(103, await served.PredictAsync("new", cancellation: Stop));
        Assert.False(swap.IsCompleted);
        Assert.False(old.IsDisposed);
        old.Free();
        Assert.Equal(6, await inside);
        await swap;
        Assert.True(old.IsDisposed);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_loaded_changes_nothing()
    {
        HeldModel old = new();
        old.Free();
        await using var served = new ServedModel<string, int>("lengths", new ServedModelOptions { Folder = "old" }, folder => folder == "old" ? old : throw new IOException("no such folder"));
        await served.LoadAsync(Stop);
        Assert.Equal("no such folder", (await Assert.ThrowsAsync<IOException>(() => served.SwapAsync("missing", Stop))).Message);
        Assert.Equal("old", served.Folder);
        Assert.Equal(3, await served.PredictAsync("old", cancellation: Stop));
        Assert.False(old.IsDisposed);
    }

    [Fact]
    public async Task Swaps_under_load_lose_no_request()
    {
        int loads = 0, disposed = 0;
        await using var served = new ServedModel<string, int>("lengths", new ServedModelOptions { Folder = "0", Concurrency = 2 },
            _ => new Counted(Interlocked.Increment(ref loads), () => Interlocked.Increment(ref disposed)));
        using var over = new CancellationTokenSource();
        Task<int>[] callers = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            int asked = 0;
            for (; !over.IsCancellationRequested; asked++) Assert.Equal(4, await served.PredictAsync("four", cancellation: Stop));
            return asked;
        }))];
        for (int i = 1; i <= 20; i++) await served.SwapAsync($"{i}", Stop);
        await over.CancelAsync();
        Assert.All(await Task.WhenAll(callers), asked => Assert.True(asked >= 0));
        Assert.InRange(loads, 20, 21);
        Assert.Equal(loads - 1, disposed);
    }

    [Fact]
    public async Task Each_request_gets_its_adapter_before_and_after_a_swap()
    {
        LabeledText<string>[] reviews = [new("a good film", "good"), new("bad", "bad"), new("it was good and the end was good too", "good"), new("a long bad film", "bad")];
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(reviews.Select(review => review.Text));
        DirectoryInfo folder = Directory.CreateTempSubdirectory("finetuning-adapters-");
        var options = new TextClassifierOptions<string> { Labels = ["good", "bad"], FreshHead = true };
        var expected = new Dictionary<string, Classification<string>>(StringComparer.Ordinal);
        foreach (string name in new[] { "one", "two" })
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(checkpoint.Folder, options);
            FineTuner.For(model).WithOptimizer(Optimizer.AdamW(name == "one" ? 1e-2 : 5e-2)).Steps(5).BatchSize(4)
                .WithAdapter(Adapter.Lora(rank: 2).On(linear => linear.AllLinear())).Train(reviews);
            model.SaveAdapter(Path.Combine(folder.FullName, name));
            expected[name] = model.Predict("a film");
        }
        var settings = new ServedModelOptions { Folder = checkpoint.Folder };
        settings.Adapters["one"] = Path.Combine(folder.FullName, "one");
        await using var served = new ServedModel<string, Classification<string>>("reviews", settings, path => Pretrained.TextClassifier(path, options));
        await served.LoadAsync(Stop);
        await served.LoadAdapterAsync("two", Path.Combine(folder.FullName, "two"), Stop);
        for (int round = 0; round < 2; round++)
        {
            string?[] names = ["one", "two", null, "two"];
            Classification<string>[] answers = await Task.WhenAll(names.Select(name => served.PredictAsync("a film", new PredictionOptions { Adapter = name }, Stop)));
            Assert.Equal(expected["one"].Confidence, answers[0].Confidence, 1e-5);
            Assert.Equal(expected["two"].Confidence, answers[1].Confidence, 1e-5);
            Assert.Equal(expected["two"].Confidence, answers[3].Confidence, 1e-5);
            Assert.NotEqual(answers[0].Confidence, answers[2].Confidence, 1e-5);
            await served.SwapAsync(checkpoint.Folder, Stop);
        }
        await Assert.ThrowsAsync<KeyNotFoundException>(() => served.PredictAsync("a film", new PredictionOptions { Adapter = "three" }, Stop));
        folder.Delete(recursive: true);
    }

    private sealed class Counted(int number, Action disposed) : Tasks.IPredictor<string, int>, IDisposable
    {
        private volatile bool _isDisposed;

        public int Predict(string input) => PredictBatch([input])[0];

        public IReadOnlyList<int> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
        {
            int[] answers = [.. inputs.Select(input => input.Length)];
            return _isDisposed ? throw new ObjectDisposedException($"model {number}") : answers;
        }

        public void Dispose()
        {
            _isDisposed = true;
            disposed();
        }
    }
}
