using System.Diagnostics;
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
    public void A_prediction_pays_nothing_that_could_be_measured()
    {
        WeightSet weights = Weights("w");
        const int times = 1_000_000;
        double best = double.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long started = Stopwatch.GetTimestamp();
            for (int i = 0; i < times; i++)
            {
                using WeightPass pass = weights.Enter();
            }
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalNanoseconds / times);
        }
        // The smallest prediction takes a hundred thousand: a thousandth of that would be too much, and this is far below.
        TestContext.Current.SendDiagnosticMessage($"{best:0.0} ns a pass");
        Assert.True(best < 500, $"{best} ns");
    }

    [Fact]
    public void Every_predicting_member_of_every_head_is_refused_during_a_run_and_afterwards_answers_again()
    {
        string folder = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines");
        using TextClassifier<string> classifier = Pretrained.TextClassifier<string>(Path.Combine(folder, "bert-classify"));
        using TokenClassifier tagger = Pretrained.TokenClassifier(Path.Combine(folder, "bert-tokens"));
        using QuestionAnswerer answerer = Pretrained.QuestionAnswerer(Path.Combine(folder, "bert-qa"));
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(Path.Combine(folder, "bert-sentences"));
        using MaskedLanguageModel masked = Pretrained.MaskedLanguageModel(Path.Combine(folder, "bert-mask"));
        using ZeroShotClassifier zeroShot = Pretrained.ZeroShotClassifier(Path.Combine(folder, "deberta-v2-nli"));
        string mask = masked.Tokenizer.Token(masked.MaskId)!, saved = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
        (WeightSet Weights, Action Read)[] members =
        [
            (classifier.Weights, () => classifier.Predict("a text")), (classifier.Weights, () => classifier.PredictBatch(["a", "b"])), (classifier.Weights, () => classifier.Explain("a text")),
            (classifier.Weights, () => classifier.Save(saved)), (classifier.Weights, () => classifier.Trunk.Copy().Dispose()),
            (tagger.Weights, () => tagger.Predict("a text")), (tagger.Weights, () => tagger.Tag("a", "text")), (tagger.Weights, () => tagger.PredictWords([["a"]])), (tagger.Weights, () => tagger.Save(saved)),
            (answerer.Weights, () => answerer.Predict("what?", "a text")), (answerer.Weights, () => answerer.Save(saved)),
            (encoder.Weights, () => encoder.Encode("a text")), (encoder.Weights, () => encoder.Similarity("a", "b")), (encoder.Weights, () => encoder.Save(saved)),
            (masked.Weights, () => masked.Predict($"a {mask}")), (masked.Weights, () => masked.Save(saved)),
            (zeroShot.Head.Weights, () => zeroShot.Predict("a text", ["one", "two"])),
        ];
        foreach ((WeightSet weights, Action read) in members)
        {
            using (RunPass run = RunPass.Register(weights))
            {
                OnAnotherThread(() =>
                {
                    run.Begin(weights, default);
                    return 0;
                });
                Assert.Contains("a run trains this model", Assert.Throws<InvalidOperationException>(read).Message, StringComparison.Ordinal);
            }
            read();
        }
        Directory.Delete(saved, recursive: true);
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
