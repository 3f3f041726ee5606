using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Tuning that measures first beside a fixed grid of 24 recipes, by set and number of rows. The grid's best is chosen on development data, and both are scored on test
/// data. Results are lines of a file in the repository (--into): what stands there is not computed again, and after --minutes nothing new is begun.
/// </summary>
internal static class AdaptiveCommand
{
    private const int DevelopmentRows = 200, TestRows = 500;
    // The budget is this share of what the grid costs.
    private const double BudgetShare = 0.1;

    private static readonly (string Name, TuningDepth Depth, TrainingOptions Recipe)[] Grid =
    [
        .. from layers in new[] { 0, 3, 6 }
           from rate in layers switch { 0 => new[] { 1e-3, 5e-3 }, 3 => [1e-4, 4e-4], _ => [5e-5, 2e-4] }
           from epochs in new[] { 4, 12 }
           from batch in new[] { 8, 32 }
           let depth = new TuningDepth(layers, 6)
           select (string.Create(CultureInfo.InvariantCulture, $"{layers} layers, rate {rate:0.#e+0}, {epochs} epochs of {batch}"), depth,
               depth.On(new TrainingOptions { Epochs = epochs, BatchSize = batch, Optimizer = Optimizer.AdamW(rate) })),
    ];

    public static void Run(Arguments arguments)
    {
        long started = Stopwatch.GetTimestamp();
        bool IsOver() => Stopwatch.GetElapsedTime(started).TotalMinutes >= arguments.Number("minutes", 1_000_000);
        var kept = new KeptLines(arguments.Text("into", Path.Combine(Shared.Checkout ?? ".", "benchmarks", "FineTuning.Core.Benchmarks", "Results", "adaptive.tsv")));
        string what = arguments.Text("what", "grid,plain,adaptive");
        string[] sets = arguments.Text("sets", "sms_spam,sst2,banking77").Split(',');
        int[] sizes = [.. arguments.Text("rows", "100,500,2000").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        foreach ((string set, int rows) in sizes.SelectMany(rows => sets.Select(set => (set, rows))))
        {
            var cell = new Cell(set, rows);
            foreach ((string name, TuningDepth depth, TrainingOptions recipe) in what.Contains("grid", StringComparison.Ordinal) ? Grid : [])
            {
                if (IsOver()) return;
                kept.Once($"grid\t{cell.Name}\t{name}\t1", () => Scored(cell, depth, recipe, 1));
            }
            foreach (int seed in what.Contains("plain", StringComparison.Ordinal) ? [1, 2, 3] : Array.Empty<int>())
            {
                if (IsOver()) return;
                kept.Once($"plain\t{cell.Name}\tdefault\t{seed}", () => Scored(cell, new(6, 6), new TrainingOptions(), seed));
            }
            if (!what.Contains("adaptive", StringComparison.Ordinal)) continue;
            if (IsOver()) return;
            // What the grid costs is known before it is run.
            var cost = new RowCost(cell.Train.Length, cell.Dev.Length, KeepsStates: true);
            double all = Grid.Sum(entry => cost.Run(entry.Depth, entry.Recipe.Epochs!.Value, entry.Recipe.Epochs.Value));
            kept.Once($"{arguments.Text("name", "adaptive")}\t{cell.Name}\tadaptive\t1", () => Adapted(cell, (long)(BudgetShare * all)));
        }
        Print(kept, arguments.Text("name", "adaptive"));
    }

    private static (double Score, string Note) Scored(Cell cell, TuningDepth depth, TrainingOptions recipe, int seed)
    {
        long started = Stopwatch.GetTimestamp();
        using TextClassifier<string> model = cell.Model(seed);
        TrainingResult run = FineTuner.For(model).With(_ => recipe with { Seed = seed }).ValidateOn(cell.Dev).Train(cell.Train);
        return (100 * model.Evaluate(cell.Test)["accuracy"], Note(run.Metrics!["accuracy"], new RowCost(run.TrainingRows, run.ValidationRows, true).Of(run, depth), started));
    }

    private static (double Score, string Note) Adapted(Cell cell, long budget)
    {
        long started = Stopwatch.GetTimestamp();
        using TextClassifier<string> model = cell.Model(1);
        AdaptiveResult result = FineTuner.For(model).Seed(1).ValidateOn(cell.Dev).Adaptive(AdaptiveBudget.OfRows(budget)).Train(cell.Train);
        Console.WriteLine(result);
        return (100 * model.Evaluate(cell.Test)["accuracy"], Note(result.Kept.Score, result.Cost, started)
            + string.Create(CultureInfo.InvariantCulture, $"; budget {budget}; missing {result.Measured.Difficulty:0.00}; kept {result.Kept.Name}"));
    }

    private static string Note(double dev, double cost, long started) =>
        string.Create(CultureInfo.InvariantCulture, $"dev {100 * dev:0.0}; cost {cost:0}; seconds {Stopwatch.GetElapsedTime(started).TotalSeconds:0}");

    private static double Field(string note, string name) => double.Parse(
        note.Split("; ").First(part => part.StartsWith(name + " ", StringComparison.Ordinal))[(name.Length + 1)..], CultureInfo.InvariantCulture);

    private static void Print(KeptLines kept, string name)
    {
        var cells = new List<(double Regret, double Share, double PerRow, double Missing)>();
        foreach (IGrouping<string, (string Key, double Score, string Note)> cell in kept.Lines.GroupBy(line => line.Key.Split('\t')[1]))
        {
            (string Key, double Score, string Note)[] Of(string what) => [.. cell.Where(line => line.Key.StartsWith(what + "\t", StringComparison.Ordinal))];
            (string Key, double Score, string Note)[] grid = Of("grid"), plain = Of("plain"), own = Of(name);
            if (grid.Length < Grid.Length || own.Length == 0) continue;
            // Of recipes that are equal on development data the mean.
            double highest = grid.Max(line => Field(line.Note, "dev"));
            (string Key, double Score, string Note)[] chosen = [.. grid.Where(line => Field(line.Note, "dev") == highest)];
            double best = chosen.Average(line => line.Score), all = grid.Sum(line => Field(line.Note, "cost")), cost = Field(own[0].Note, "cost");
            int rows = int.Parse(cell.Key.Split(' ')[1], CultureInfo.InvariantCulture);
            cells.Add((best - own[0].Score, cost / all, cost / rows, 100 - grid.Max(line => line.Score)));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {cell.Key} | {best:0.0} ({chosen.Length} of the grid) | {own[0].Score:0.0} | {best - own[0].Score:0.0} | ")
                + string.Create(CultureInfo.InvariantCulture, $"{100 * cost / all:0.0} % | {cost / rows:0.0} | {string.Join(", ", plain.Select(line => $"{line.Score:0.0}"))} |"));
        }
        if (cells.Count == 0) return;
        double[] regrets = [.. cells.Select(cell => cell.Regret).Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cells.Count} cells: median regret {(regrets[(regrets.Length - 1) / 2] + regrets[regrets.Length / 2]) / 2:0.00} points, ")
            + string.Create(CultureInfo.InvariantCulture, $"largest {regrets[^1]:0.00}; mean share of the grid's cost {100 * cells.Average(cell => cell.Share):0.0} %"));
        if (cells.Count < 3) return;
        double correlation = Spearman([.. cells.Select(cell => cell.PerRow)], [.. cells.Select(cell => cell.Missing)]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rank correlation of cost a row with 1 minus the grid's best {correlation:0.00}"));
    }

    // Pearson's correlation of ranks; equals share the mean of theirs.
    private static double Spearman(double[] one, double[] other)
    {
        static double[] Ranks(double[] values) => [.. values.Select(value => values.Count(smaller => smaller < value) + ((values.Count(equal => equal == value) - 1) / 2.0))];
        double[] a = Ranks(one), b = Ranks(other);
        double meanA = a.Average(), meanB = b.Average();
        double product = a.Zip(b).Sum(pair => (pair.First - meanA) * (pair.Second - meanB));
        return product / Math.Sqrt(a.Sum(rank => (rank - meanA) * (rank - meanA)) * b.Sum(rank => (rank - meanB) * (rank - meanB)));
    }

    /// <summary>A set with so many rows to learn from, classes spread evenly.</summary>
    private sealed class Cell
    {
        private readonly string[] _labels;

        public Cell(string set, int rows)
        {
            (LabeledText<string>[] train, LabeledText<string>[] dev, LabeledText<string>[] test) = RealCommand.Data(set);
            _labels = [.. train.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
            int[] order = NestedParts.Order([.. train.Select(row => row.Label)], 1);
            (Name, Train) = ($"{set} {rows} rows", [.. order.Take(rows).Select(index => train[index])]);
            (Dev, Test) = (Spread(dev, DevelopmentRows), Spread(test, TestRows));
        }

        public string Name { get; }

        public LabeledText<string>[] Train { get; }

        public LabeledText<string>[] Dev { get; }

        public LabeledText<string>[] Test { get; }

        public TextClassifier<string> Model(int seed) =>
            Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = _labels, MaximumLength = 64, Seed = seed });

        private static LabeledText<string>[] Spread(LabeledText<string>[] rows, int count) =>
            [.. NestedParts.Order([.. rows.Select(row => row.Label)], 2).Take(count).Select(index => rows[index])];
    }
}
