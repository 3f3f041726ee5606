using System.Diagnostics;
using System.Globalization;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Tensors;

namespace FineTuning.Benchmarks.Serving;

/// <summary>
/// Many threads ask a served model with texts of mixed lengths while it is swapped and requests are cancelled in mid-flight: every answer is that of a single
/// thread, memory and handles do not grow, and no model that was swapped out is held.
/// </summary>
internal static class SoakCommand
{
    private const int Texts = 400, Samples = 12;

    public static void Run(Arguments arguments)
    {
        string folder = Path.GetFullPath(arguments.Text("model", "docs/samples/QuickStart/starter"));
        int threads = arguments.Number("threads", 32), seconds = arguments.Number("seconds", 60), swapsEach = arguments.Number("swaps", 2);
        FineTuningRuntime.Load();
        FineTuningRuntime.Threads = 1;
        string[] texts = ServedTexts.Make(Texts, 1, 120);
        Dictionary<string, Classification<string>> serial = [];
        using (TextClassifier<string> alone = ServedTexts.Open(folder))
        {
            foreach (string text in texts) serial[text] = alone.Predict(text);
        }
        var loaded = new List<WeakReference>();
        TextClassifier<string> Load(string path)
        {
            TextClassifier<string> model = ServedTexts.Open(path);
            lock (loaded) loaded.Add(new(model));
            return model;
        }
        var served = new ServedModel<string, Classification<string>>("soak", new ServedModelOptions { Folder = folder, Concurrency = 2 }, Load);
        served.LoadAsync().GetAwaiter().GetResult();
        long answers = 0, wrong = 0, cancelled = 0, refused = 0;
        int swaps = 0;
        double farthest = 0;
        using var over = new CancellationTokenSource();
        var asking = Enumerable.Range(0, threads).Select(thread => new Thread(() => Ask(thread))).ToList();
        asking.ForEach(thread => thread.Start());
        var measured = new List<(double Megabytes, int Handles)>();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Samples; i++)
        {
            // A model is disposed while it is asked.
            if (swapsEach == 0) Thread.Sleep(seconds * 1000 / Samples);
            for (int swap = 0; swap < swapsEach; swap++)
            {
                Thread.Sleep(seconds * 1000 / Samples / swapsEach);
                served.SwapAsync(folder).GetAwaiter().GetResult();
                swaps++;
            }
            measured.Add(Measure());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(start).TotalSeconds,6:0} s  {Interlocked.Read(ref answers),9} answers  {measured[^1].Megabytes,7:0.0} MB  {measured[^1].Handles,4} handles")
                + string.Create(CultureInfo.InvariantCulture, $"  {Living(loaded)} models  {TorchSharp.torch.Tensor.TotalCount} tensors  {GC.GetTotalMemory(false) / 1048576.0:0.0} MB managed"));
        }
        // What the allocator keeps for later is no leak.
        ProcessMemory.Trim();
        double needed = Measure().Megabytes;
        int kept = Living(loaded) - 1;
        // The end comes while all are asking.
        served.Dispose();
        over.Cancel();
        asking.ForEach(thread => thread.Join());
        (double early, double late) = (measured.Skip(2).Take(4).Average(one => one.Megabytes), measured.TakeLast(4).Average(one => one.Megabytes));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{answers} answers to {threads} threads, {wrong} wrong (farthest from serial {farthest:0.0e+0}), {cancelled} cancelled in mid-flight, {swaps} swaps, {refused} refused at the end; ")
            + string.Create(CultureInfo.InvariantCulture, $"memory {early:0.0} MB early, {late:0.0} MB late; {needed:0.0} MB without what the allocator kept; {kept} models that were swapped out are still held; handles {measured[2].Handles} early, {measured[^1].Handles} late"));
        if (wrong > 0 || kept > 0) Environment.ExitCode = 1;

        void Ask(int thread)
        {
            var random = new Random(thread);
            while (!over.IsCancellationRequested)
            {
                string text = texts[random.Next(texts.Length)];
                using var leaves = random.Next(20) == 0 ? new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(1, 8))) : new CancellationTokenSource();
                try
                {
                    Compare(text, served.PredictAsync(text, cancellation: leaves.Token).GetAwaiter().GetResult());
                    Interlocked.Increment(ref answers);
                }
                catch (OperationCanceledException) when (leaves.IsCancellationRequested)
                {
                    Interlocked.Increment(ref cancelled);
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                    return;
                }
                catch (Exception failure)
                {
                    Interlocked.Increment(ref wrong);
                    Console.WriteLine($"{failure.GetType().Name}: {failure.Message}");
                }
            }
        }

        void Compare(string text, Classification<string> found)
        {
            Classification<string> right = serial[text];
            Dictionary<string, double> scores = right.Scores.ToDictionary(score => score.Label, score => score.Score);
            double difference = found.Scores.Max(score => Math.Abs(score.Score - scores[score.Label]));
            lock (serial) farthest = Math.Max(farthest, difference);
            // Where the two best are as good as equal, either is right.
            bool same = found.Label == right.Label || right.Scores[0].Score - right.Scores[1].Score < 1e-5;
            if (difference > 1e-5 || !same) Interlocked.Increment(ref wrong);
        }
    }

    private static int Living(List<WeakReference> loaded)
    {
        lock (loaded) return loaded.Count(model => model.IsAlive);
    }

    private static (double Megabytes, int Handles) Measure()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using Process process = Process.GetCurrentProcess();
        int handles = Directory.Exists("/proc/self/fd") ? Directory.GetFiles("/proc/self/fd").Length : process.HandleCount;
        return (process.WorkingSet64 / 1048576.0, handles);
    }
}
