using System.Diagnostics;
using System.Diagnostics.Metrics;
using FineTuning.Examples;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Testing;
using FineTuning.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace FineTuning.Extensions.Tests.Hosting;

/// <summary>Models in a host: options, start, health, meters, traces, training in the background.</summary>
public sealed class HostTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static HostApplicationBuilder Builder() => Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());

    private static HeldModel Free(int number = 0)
    {
        var model = new HeldModel(number);
        model.Free();
        return model;
    }

    [Fact]
    public async Task A_model_is_loaded_at_the_start_and_freed_at_the_end()
    {
        HeldModel one = Free(), two = Free(10);
        HostApplicationBuilder builder = Builder();
        builder.Services.AddFineTunedModel<string, int>("models/one", _ => one);
        builder.Services.AddFineTunedModel<string, int>("models/two", _ => two, options => options.MaximumBatch = 4, name: "two");
        using (IHost host = builder.Build())
        {
            await host.StartAsync(Stop);
            Assert.Equal("models/one", host.Services.GetRequiredService<ServedModel<string, int>>().Folder);
            Assert.Equal(3, host.Services.GetRequiredService<IPredictor<string, int>>().Predict("abc"));
            Assert.Equal(13, host.Services.GetRequiredKeyedService<IPredictor<string, int>>("two").Predict("abc"));
            Assert.Same(host.Services.GetRequiredService<ServedModel<string, int>>(), host.Services.GetRequiredService<IPredictor<string, int>>());
            await host.StopAsync(Stop);
        }
        Assert.True(one.IsDisposed && two.IsDisposed);
    }

    [Fact]
    public async Task Wrong_options_and_folders_end_the_start()
    {
        HostApplicationBuilder wrong = Builder(), missing = Builder();
        wrong.Services.AddFineTunedModel<string, int>("models/one", _ => Free(), options => (options.MaximumBatch, options.Concurrency) = (0, 0));
        using IHost first = wrong.Build();
        OptionsValidationException found = await Assert.ThrowsAsync<OptionsValidationException>(() => first.StartAsync(Stop));
        Assert.Equal(2, found.Failures.Count());
        missing.Services.AddFineTunedModel<string, int>("models/one", _ => throw new DirectoryNotFoundException("models/one"));
        using IHost second = missing.Build();
        await Assert.ThrowsAsync<DirectoryNotFoundException>(() => second.StartAsync(Stop));
    }

    [Fact]
    public async Task Health_follows_the_model()
    {
        HeldModel model = Free();
        bool exists = false;
        HostApplicationBuilder builder = Builder();
        builder.Services.AddFineTunedModel<string, int>("models/one", folder => exists ? model : throw new IOException($"no {folder}"));
        builder.Services.AddHealthChecks().AddFineTunedModel<string, int>(tags: ["models"]);
        builder.Services.AddLogging();
        using IHost host = builder.Build();
        ServedModel<string, int> served = host.Services.GetRequiredService<ServedModel<string, int>>();
        async Task<HealthReportEntry> Health() => (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Stop)).Entries["model"];

        Assert.Equal(HealthStatus.Unhealthy, (await Health()).Status);
        await Assert.ThrowsAsync<IOException>(() => served.LoadAsync(Stop));
        Assert.Contains("no models/one", (await Health()).Description, StringComparison.Ordinal);
        exists = true;
        await served.LoadAsync(Stop);
        Assert.Equal(HealthStatus.Healthy, (await Health()).Status);
        Assert.Equal("models/one", (await Health()).Data["folder"]);
        exists = false;
        await Assert.ThrowsAsync<IOException>(() => served.SwapAsync("models/two", Stop));
        Assert.Equal(HealthStatus.Degraded, (await Health()).Status);
        await served.DisposeAsync();
        Assert.Equal(HealthStatus.Unhealthy, (await Health()).Status);
    }

    [Fact]
    public async Task Meters_and_traces_tell_of_requests_and_batches()
    {
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        IMeterFactory meters = services.GetRequiredService<IMeterFactory>();
        using var requests = new MetricCollector<long>(meters, "FineTuning.Extensions.Hosting", "finetuning.prediction.requests");
        using var sizes = new MetricCollector<long>(meters, "FineTuning.Extensions.Hosting", "finetuning.prediction.batch.size");
        using var swaps = new MetricCollector<long>(meters, "FineTuning.Extensions.Hosting", "finetuning.model.swaps");
        using var durations = new MetricCollector<double>(meters, "FineTuning.Extensions.Hosting", "finetuning.prediction.duration");
        var traces = new System.Collections.Concurrent.ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "FineTuning.Extensions.Hosting", Sample = (ref _) => ActivitySamplingResult.AllData, ActivityStopped = traces.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        HeldModel model = new();
        var served = new ServedModel<string, int>("traced", new ServedModelOptions { Folder = "model" }, _ => model, meters: meters);
        await served.LoadAsync(Stop);
        Task<int> first = served.PredictAsync("first", cancellation: Stop);
        await model.Entered();
        Task<int> good = served.PredictAsync("good", cancellation: Stop), bad = served.PredictAsync("bad", cancellation: Stop);
        model.Free();
        await Task.WhenAll(first, good);
        await Assert.ThrowsAsync<FormatException>(() => bad);
        await served.SwapAsync("model", Stop);
        await served.DisposeAsync();

        Assert.Equal([1, 2], sizes.GetMeasurementSnapshot().Select(measured => measured.Value));
        Assert.Equal(3, requests.GetMeasurementSnapshot().Sum(measured => measured.Value));
        Assert.Equal(typeof(FormatException).FullName, requests.GetMeasurementSnapshot().Single(measured => measured.Tags.ContainsKey("error.type")).Tags["error.type"]);
        Assert.All(durations.GetMeasurementSnapshot(), measured => Assert.Equal("traced", measured.Tags["finetuning.model"]));
        Assert.Single(swaps.GetMeasurementSnapshot());
        Activity[] own = [.. traces.Where(trace => Equals(trace.GetTagItem("finetuning.model"), "traced"))];
        Assert.Equal(3, own.Count(trace => trace.OperationName == "predict traced"));
        Activity pair = own.Single(trace => trace.OperationName == "compute traced" && Equals(trace.GetTagItem("finetuning.batch.size"), 2));
        ActivityContext[] callers = [.. own.Where(trace => trace.OperationName == "predict traced").Select(trace => trace.Context)];
        Assert.All(pair.Links, link => Assert.Contains(link.Context.SpanId, callers.Select(caller => caller.SpanId)));
        Assert.Equal(2, pair.Links.Count());
    }

    [Fact]
    public async Task A_copy_is_trained_in_the_background_and_takes_the_models_place()
    {
        LabeledText<string>[] reviews = [new("a good film", "good"), new("bad", "bad"), new("it was good", "good"), new("a long bad film", "bad")];
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(reviews.Select(review => review.Text));
        DirectoryInfo output = Directory.CreateTempSubdirectory("finetuning-trained-");
        string tuned = Path.Combine(output.FullName, "tuned");
        TextClassifier<string> Open(string folder) => Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = ["good", "bad"], FreshHead = folder == checkpoint.Folder });
        HostApplicationBuilder builder = Builder();
        builder.Services.AddFineTunedModel<string, Classification<string>>(checkpoint.Folder, Open);
        builder.Services.AddModelTraining();
        using IHost host = builder.Build();
        await host.StartAsync(Stop);
        ServedModel<string, Classification<string>> served = host.Services.GetRequiredService<ServedModel<string, Classification<string>>>();
        ModelTraining training = host.Services.GetRequiredService<ModelTraining>();
        TrainingJob job = training.Start("reviews", () => Open(checkpoint.Folder), reviews, tuner => tuner.WithOptimizer(Optimizer.AdamW(1e-2)).Epochs(40).BatchSize(4),
            async (model, _, stop) =>
            {
                model.Save(tuned);
                await served.SwapAsync(tuned, stop);
            });
        TrainingResult result = await job.Completion;
        Assert.Equal(TrainingStatus.Completed, job.Status);
        Assert.Equal(40, result.Steps);
        Assert.Equal(40, job.Progress!.Step);
        Assert.Equal(tuned, served.Folder);
        foreach (LabeledText<string> review in reviews) Assert.Equal(review.Label, (await served.PredictAsync(review.Text, cancellation: Stop)).Label);

        // One that fails says so; one that goes on when the host stops is cancelled, as is the one behind it.
        TrainingJob fails = training.Start("fails", () => Open(tuned), [new LabeledText<string>("x", "unknown")]);
        await Assert.ThrowsAsync<Errors.TrainingDataException>(() => fails.Completion);
        Assert.Equal(TrainingStatus.Failed, fails.Status);
        var begun = new TaskCompletionSource();
        TrainingJob endless = training.Start("endless", () => Open(tuned), reviews, tuner => tuner.Steps(100_000).OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.Training) begun.TrySetResult();
        })), behind = training.Start("behind", () => Open(tuned), reviews);
        await begun.Task;
        Assert.Equal((TrainingStatus.Running, TrainingStatus.Waiting), (endless.Status, behind.Status));
        await host.StopAsync(Stop);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless.Completion);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => behind.Completion);
        Assert.Equal((TrainingStatus.Cancelled, TrainingStatus.Cancelled), (endless.Status, behind.Status));
        Assert.Throws<ObjectDisposedException>(() => training.Start("late", () => Open(tuned), reviews));
        output.Delete(recursive: true);
    }

    [Fact]
    public async Task A_job_that_has_ended_is_kept_by_its_caller_alone()
    {
        using var training = new ModelTraining();
        await training.StartAsync(Stop);
        WeakReference first = await Failed("first");
        // The service still has its last job in hand.
        await Failed("second");
        GC.Collect();
        Assert.False(first.IsAlive);
        await training.StopAsync(Stop);

        async Task<WeakReference> Failed(string name)
        {
            TrainingJob job = training.Start<TextClassifier<string>, LabeledText<string>>(name, () => throw new IOException(name), []);
            await Assert.ThrowsAsync<IOException>(() => job.Completion);
            return new(job);
        }
    }
}
