using System.Globalization;
using System.Runtime.InteropServices;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Processes;

/// <summary>
/// A short run, or predictions, that may map so many megabytes more than the process has when its model is loaded; writes losses or scores, or which exception ended it.
/// </summary>
internal static partial class AddressSpaceWorker
{
    private const int AddressSpace = 9;

    /// <param name="work">What it does.</param>
    /// <param name="folder">A classifier.</param>
    /// <param name="room">In megabytes; 0: no limit.</param>
    public static int Run(string work, string folder, int room)
    {
        // What native code is left depends on its threads.
        FineTuningRuntime.Threads = 2;
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(folder, new TextClassifierOptions<string> { MaximumLength = 128 });
        var random = new Random(1);
        string[] words = ["fine", "dull", "film", "evening", "long", "and", "the", "nothing", "happens", "good"];
        LabeledText<string>[] data = [.. Enumerable.Range(0, 96).Select(i => new LabeledText<string>(
            string.Join(' ', Enumerable.Range(0, 8 + (i % 12 * 10)).Select(_ => words[random.Next(words.Length)])), model.LabelSet.Labels[i % model.LabelSet.Count]))];
        if (room > 0 && !Limit(room)) return 3;
        try
        {
            Console.WriteLine(work == AddressSpaceTest.Training ? Trained(model, data) : Predicted(model, [.. data.Select(example => example.Text)]));
        }
        catch (Exception failure) when (failure is FineTuningException or InsufficientMemoryException)
        {
            Console.WriteLine($"typed {failure.GetType().Name} {failure.Message.ReplaceLineEndings(" ")}");
        }
        return 0;
    }

    private static string Trained(TextClassifier<string> model, LabeledText<string>[] data)
    {
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(1e-4)).BatchSize(32).Steps(4).EvaluateEvery(EvaluationInterval.Steps(2))
            .ValidateOn(data.Take(24)).Train(data);
        bool isSplit = result.Warnings.Any(warning => warning.Contains("memory ended", StringComparison.Ordinal));
        return $"numbers {Text(result.History.Select(step => step.Loss))}{(isSplit ? " in parts" : "")}";
    }

    // Texts of all lengths at once, some of them alone, and again when what they take is known.
    private static string Predicted(TextClassifier<string> model, string[] texts)
    {
        Classification<string>[] all = [.. model.PredictBatch(texts), .. texts.Take(12).Reverse().Select(text => model.Predict(text)), .. model.PredictBatch(texts)];
        return $"numbers {Text(all.SelectMany(one => one.Scores).Select(score => score.Score))}";
    }

    private static string Text(IEnumerable<double> numbers) => string.Join(' ', numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)));

    private static bool Limit(int room)
    {
        long pages = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[0], CultureInfo.InvariantCulture);
        ulong limit = (ulong)((pages * Environment.SystemPageSize) + ((long)room << 20));
        var both = new Limits(limit, limit);
        return setrlimit(AddressSpace, in both) == 0;
    }

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int setrlimit(int resource, in Limits limits);

    private readonly record struct Limits(ulong Soft, ulong Hard);
}
