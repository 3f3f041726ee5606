using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Who may touch the weights: any number of readers, or one run that writes; disposal last.</summary>
public sealed class WeightGateTests
{
    private static WeightSet Weights(string name, params WeightSet[] shown)
    {
        var weights = new WeightSet(shown);
        weights.Add(name, zeros(2), WeightKind.Bias, 1);
        return weights;
    }

    private static T OnAnotherThread<T>(Func<T> work) => Task.Factory.StartNew(work, default, TaskCreationOptions.LongRunning, TaskScheduler.Default).GetAwaiter().GetResult();

    /// <summary>Whether a thread comes to wait for others; false where it ends without.</summary>
    private static bool Waits(Thread thread)
    {
        SpinWait.SpinUntil(() => (thread.ThreadState & (System.Threading.ThreadState.WaitSleepJoin | System.Threading.ThreadState.Stopped)) != 0);
        return thread.IsAlive;
    }

    private static bool MayRead(WeightSet weights) => OnAnotherThread(() =>
    {
        try
        {
            using WeightPass pass = weights.Enter();
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    });

    [Fact]
    public void A_run_refuses_who_reads_what_it_writes_and_nobody_else()
    {
        WeightSet trunk = Weights("trunk"), one = Weights("one", trunk), other = Weights("other", trunk);
        using (RunPass run = RunPass.Register(one))
        {
            Assert.Throws<InvalidOperationException>(() => RunPass.Register(other));
            Assert.True(MayRead(one));
            run.Begin([one.Find("one")!], default);
            Assert.False(MayRead(one));
            Assert.True(MayRead(other));
            Assert.True(MayRead(trunk));
            // The run reads its own weights.
            using WeightPass own = one.Enter();
        }
        Assert.True(MayRead(one));
        using (RunPass second = RunPass.Register(other))
        {
            second.Begin(other, default);
            // The second run writes the trunk, which all read.
            Assert.False(MayRead(one));
            Assert.False(MayRead(trunk));
        }
    }

    [Fact]
    public void A_head_that_is_disposed_leaves_trunk_and_other_heads_to_their_readers()
    {
        WeightSet trunk = Weights("trunk"), one = Weights("one", trunk), other = Weights("other", trunk);
        using (WeightPass reader = other.Enter()) OnAnotherThread(() => Dispose(one));
        Assert.Throws<ObjectDisposedException>(() => one.Enter());
        Assert.Throws<ObjectDisposedException>(() => RunPass.Register(one));
        Assert.True(MayRead(other));
        Assert.True(MayRead(trunk));
        using (RunPass run = RunPass.Register(other)) OnAnotherThread(() => Dispose(Weights("third", trunk)));
        trunk.Dispose();
        Assert.Throws<ObjectDisposedException>(() => other.Enter());

        static int Dispose(WeightSet weights)
        {
            weights.Dispose();
            return 0;
        }
    }

    [Fact]
    public void A_run_waits_for_those_inside()
    {
        WeightSet weights = Weights("w");
        using var left = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        Task reader = Task.Run(() =>
        {
            using WeightPass pass = weights.Enter();
            entered.Set();
            left.Wait();
        }, TestContext.Current.CancellationToken);
        entered.Wait(TestContext.Current.CancellationToken);
        bool readerHadLeft = false;
        var begin = new Thread(() =>
        {
            using RunPass run = RunPass.Register(weights);
            run.Begin(weights, default);
            readerHadLeft = left.IsSet;
        });
        begin.Start();
        Assert.True(Waits(begin));
        left.Set();
        begin.Join();
        Assert.True(readerHadLeft);
    }

    [Fact]
    public async Task Disposal_waits_for_those_inside_and_refuses_who_comes_later()
    {
        WeightSet weights = Weights("w");
        using var left = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        Task<float> reader = Task.Run(() =>
        {
            using WeightPass pass = weights.Enter();
            entered.Set();
            left.Wait();
            using WeightPass again = weights.Enter();
            return weights[0].Value.data<float>()[0];
        }, TestContext.Current.CancellationToken);
        entered.Wait(TestContext.Current.CancellationToken);
        var disposal = new Thread(weights.Dispose);
        disposal.Start();
        Assert.True(Waits(disposal));
        left.Set();
        Assert.Equal(0, await reader);
        disposal.Join();
        Assert.Throws<ObjectDisposedException>(() => weights.Enter());
        Assert.Throws<ObjectDisposedException>(() => RunPass.Register(weights));
        weights.Dispose();
    }

    [Fact]
    public void Disposing_from_inside_is_refused_instead_of_waiting_for_itself()
    {
        WeightSet weights = Weights("w");
        using (WeightPass pass = weights.Enter()) Assert.Throws<InvalidOperationException>(weights.Dispose);
        weights.Dispose();
    }

    [Fact]
    public async Task A_handler_on_the_runs_thread_may_predict_and_other_threads_may_while_data_is_read()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify"));
        int predicted = 0;
        IEnumerable<LabeledText<string>> Data()
        {
            // The run is registered, but nothing is written yet.
            Assert.NotNull(OnAnotherThread(() => model.Predict("meanwhile")));
            for (int i = 0; i < 4; i++) yield return new("a text", model.LabelSet.Labels[0]);
        }
        TrainingResult result = await FineTuner.For(model).Epochs(1).BatchSize(2).OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.Training && model.Predict("in between").Confidence > 0) predicted++;
        }).TrainAsync(Data(), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(result.Steps, predicted);
    }
}
