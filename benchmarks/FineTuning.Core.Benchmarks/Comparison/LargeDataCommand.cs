using System.Diagnostics;
using System.Globalization;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Many short rows are encoded into a file, ordered, and take some steps of a tiny model; then a second run finds the file. What is printed is the most memory that the
/// process held until then.
/// </summary>
internal static class LargeDataCommand
{
    private static readonly string[] Words = ["a", "film", "good", "bad", "tree", "house", "old", "red", "it", "is", "not", "at", "all", "the", "evening", "story"];

    public static void Run(Arguments arguments)
    {
        int rows = arguments.Number("rows", 10_000_000);
        string packing = arguments.Text("packing", "");
        if (packing.Length > 0)
        {
            // A checkpoint of a decoder.
            string decoder = arguments.Text("model", Path.Combine("..", "shared", "goldens", "pipelines", "gpt2-generate"));
            var options = new LanguageModelOptions { Packing = Enum.Parse<PackingStrategy>(packing, ignoreCase: true), MaximumLength = 64 };
            Run(arguments, () => Pretrained.CausalLanguageModel(decoder, options), _ => new RowSource<PromptCompletion>(rows, i => PromptCompletion.OfText(Text(i))));
            return;
        }
        string checkpoint = arguments.Text("model", Path.Combine("tests", "goldens", "pipelines", "bert-classify"));
        Run(arguments, () => Pretrained.TextClassifier<string>(checkpoint), model => new RowSource<LabeledText<string>>(
            rows, i => new(Text(i), ((TextClassifier<string>)model).LabelSet.Labels[i % ((TextClassifier<string>)model).LabelSet.Count])));
    }

    private static void Run<TExample>(Arguments arguments, Func<TunableModel<TExample>> open, Func<TunableModel<TExample>, IEnumerable<TExample>> data)
    {
        int rows = arguments.Number("rows", 10_000_000), steps = arguments.Number("steps", 1000), budget = arguments.Number("tokens", 0);
        string folder = arguments.Text("folder", Path.Combine(Path.GetTempPath(), $"rows-{Guid.NewGuid():N}"));
        Console.WriteLine($"before: {ProcessMemory.Peak >> 20} MB");
        foreach (string name in (string[])["first run", "second run"])
        {
            using TunableModel<TExample> model = open();
            FineTuner<TExample> tuner = FineTuner.For(model).Steps(steps).KeepRowsOnDisk(folder);
            if (budget > 0) tuner = tuner.TokenBudget(budget);
            long started = Stopwatch.GetTimestamp(), encoded = 0, first = 0;
            TrainingResult result = tuner.OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Encoding) encoded = Stopwatch.GetTimestamp();
                else if (first == 0) first = Stopwatch.GetTimestamp();
            }).Train(data(model));
            long ended = Stopwatch.GetTimestamp();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {rows:N0} texts read in {Seconds(started, encoded)} s, {result.TrainingRows:N0} rows "
                + $"{Seconds(encoded, first)} s to the first step, {result.Steps} steps in {Seconds(first, ended)} s; peak {ProcessMemory.Peak >> 20} MB"));
        }
        long size = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        var lengths = new RowLengths();
        for (int i = 0; i < rows; i++) lengths.Add(1 + (i % 9));
        long order = Stopwatch.GetTimestamp();
        int batches = BatchPlan.Of(lengths, new TrainingOptions().RulesFor(lengths), 1, 0).Count;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{size >> 20} MB on disk; the order of an epoch, {batches:N0} batches: {Seconds(order, Stopwatch.GetTimestamp())} s; peak {ProcessMemory.Peak >> 20} MB"));
        Directory.Delete(folder, recursive: true);
    }

    private static string Text(int i) => string.Join(' ', Enumerable.Range(0, 3 + (i % 7)).Select(j => Words[(i + (j * (1 + (i % 5)))) % Words.Length]));

    private static string Seconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);

    // The number is known, so that all are read whatever the steps need.
    private sealed class RowSource<TExample>(int count, Func<int, TExample> row) : IReadOnlyCollection<TExample>, System.Collections.ICollection
    {
        public int Count => count;

        public bool IsSynchronized => false;

        public object SyncRoot => this;

        public IEnumerator<TExample> GetEnumerator() => Enumerable.Range(0, count).Select(row).GetEnumerator();

        public void CopyTo(Array array, int index) => throw new NotSupportedException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
