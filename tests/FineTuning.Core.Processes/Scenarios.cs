using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;

namespace FineTuning.Processes;

/// <summary>What must not end a process with a signal. Each gives the exit code: 0 where all went well.</summary>
internal static class Scenarios
{
    private static readonly string[] Texts = ["a fine film", "a dull evening", "nothing at all happens in this one", "good", "bad and long, and long, and long"];

    public static IReadOnlyDictionary<string, Func<TextClassifier<string>, int>> All { get; } = new SortedDictionary<string, Func<TextClassifier<string>, int>>(StringComparer.Ordinal)
    {
        ["exit-while-training"] = ExitWhileTraining,
        ["exit-while-predicting"] = ExitWhilePredicting,
        ["exit-from-handler"] = ExitFromHandler,
        ["exit-by-other-thread"] = ExitByOtherThread,
        ["dispose-while-predicting"] = DisposeWhilePredicting,
        ["dispose-while-training"] = DisposeWhileTraining,
        ["second-run"] = SecondRun,
    };

    private static LabeledText<string>[] Data(TextClassifier<string> model) => [.. Texts.Select((text, i) => new LabeledText<string>(text, model.LabelSet.Labels[i % model.LabelSet.Count]))];

    private static (Task<TrainingResult> Run, Task Started) Start(TextClassifier<string> model, Action? onStep = null)
    {
        var started = new TaskCompletionSource();
        Task<TrainingResult> run = FineTuner.For(model).Epochs(1_000_000).BatchSize(2).OnProgress(progress =>
        {
            if (progress.Step < 3) return;
            started.TrySetResult();
            onStep?.Invoke();
        }).TrainAsync(Data(model));
        return (run, started.Task);
    }

    private static int ExitWhileTraining(TextClassifier<string> model)
    {
        Start(model).Started.Wait();
        return 0;
    }

    private static int ExitWhilePredicting(TextClassifier<string> model)
    {
        var started = new CountdownEvent(4);
        for (int i = 0; i < 4; i++)
        {
            new Thread(() =>
            {
                model.PredictBatch(Texts);
                started.Signal();
                while (true) model.PredictBatch(Texts);
            }) { IsBackground = true }.Start();
        }
        started.Wait();
        return 0;
    }

    private static int ExitFromHandler(TextClassifier<string> model)
    {
        Start(model, () => Environment.Exit(0)).Run.Wait();
        return 1;
    }

    private static int ExitByOtherThread(TextClassifier<string> model)
    {
        (Task<TrainingResult> run, Task started) = Start(model);
        started.ContinueWith(_ => Environment.Exit(0), TaskScheduler.Default);
        run.Wait();
        // The run was cancelled by the exit, which goes on: this thread must not return a code of its own.
        new ManualResetEventSlim().Wait();
        return 1;
    }

    private static int DisposeWhilePredicting(TextClassifier<string> model)
    {
        double[] expected = [.. model.PredictBatch(Texts).Select(answer => answer.Confidence)];
        var started = new CountdownEvent(8);
        int failures = 0;
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            bool first = true;
            try
            {
                while (true)
                {
                    double[] found = [.. model.PredictBatch(Texts).Select(answer => answer.Confidence)];
                    if (!found.SequenceEqual(expected)) Interlocked.Increment(ref failures);
                    if (first) started.Signal();
                    first = false;
                }
            }
            catch (ObjectDisposedException)
            {
                // As it should be.
            }
            catch (Exception failure)
            {
                Console.Error.WriteLine(failure);
                Interlocked.Increment(ref failures);
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        started.Wait();
        model.Dispose();
        foreach (Thread thread in threads) thread.Join();
        return failures == 0 ? 0 : 1;
    }

    private static int DisposeWhileTraining(TextClassifier<string> model)
    {
        (Task<TrainingResult> run, Task started) = Start(model);
        started.Wait();
        model.Dispose();
        if (!run.Wait(TimeSpan.FromSeconds(10)) || run.Result.StopReason != StopReason.Cancelled) return 1;
        try
        {
            model.Predict(Texts[0]);
            return 2;
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    private static int SecondRun(TextClassifier<string> model)
    {
        // The run stands in a step until all has been asked.
        var asked = new ManualResetEventSlim();
        (Task<TrainingResult> run, Task started) = Start(model, asked.Wait);
        started.Wait();
        if (!Refused(() => FineTuner.For(model).Epochs(1).Train(Data(model)))) return 1;
        if (!Refused(() => FineTuner.For(model).Epochs(1).TrainAsync(Data(model)))) return 2;
        if (!Refused(() => model.Predict(Texts[0]))) return 3;
        if (run.IsCompleted) return 4;
        asked.Set();
        return 0;
    }

    private static bool Refused(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (InvalidOperationException failure) when (failure is not ObjectDisposedException)
        {
            return failure.Message.Contains("a run trains this model", StringComparison.Ordinal) || failure.Message.Contains("another run trains", StringComparison.Ordinal);
        }
    }
}
