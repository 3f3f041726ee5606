using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// A hundred steps of full tuning with one checkpoint among them, beside the same steps without: in turns, by the clock and by the processor. The checkpoint falls in the
/// middle, so that what is written beside the run is part of the time.
/// </summary>
internal static class CheckpointCommand
{
    private const int Before = 10;

    public static void Run(Arguments arguments)
    {
        int steps = arguments.Number("steps", 100), rounds = arguments.Number("rounds", 3), rows = arguments.Number("batch", 16);
        LabeledText<string>[] data = RealCommand.Data("sst2").Train[..4096];
        using TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128 });
        var reports = new List<CheckpointReport>();
        List<(double Clock, double Processor)> written = [], plain = [];
        for (int round = 0; round < rounds; round++)
        {
            foreach (bool writes in round % 2 == 0 ? new[] { true, false } : [false, true]) (writes ? written : plain).Add(Once(model, data, steps, rows, writes, reports));
        }
        foreach ((string name, List<(double Clock, double Processor)> times) in new[] { ("with a checkpoint", written), ("without", plain) })
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-18} {Median(times, time => time.Clock):0.00} s   processor {Median(times, time => time.Processor):0.00} s"));
        double[] clock = [.. written.Zip(plain, (one, other) => one.Clock / other.Clock)], processor = [.. written.Zip(plain, (one, other) => one.Processor / other.Processor)];
        CheckpointReport[] beside = [.. reports.Where(report => report.Step == Before + (steps / 2))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{steps} steps with one checkpoint of {beside[0].Bytes >> 20} MB beside without, in pairs: clock x {Median(clock):0.000} ({string.Join(", ", clock.Select(value => value.ToString("0.000", CultureInfo.InvariantCulture)))}), "
            + $"processor x {Median(processor):0.000}; the run stood still for {Median([.. beside.Select(report => report.Delay.TotalMilliseconds)]):0} ms, which is "
            + $"{100 * Median([.. beside.Select(report => report.Delay.TotalSeconds)]) / Median(plain, time => time.Clock):0.00} % of it; writing beside it took {Median([.. beside.Select(report => report.Writing.TotalMilliseconds)]):0} ms"));
    }

    private static (double Clock, double Processor) Once(TextClassifier<string> model, LabeledText<string>[] data, int steps, int rows, bool writes, List<CheckpointReport> reports)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"checkpoints-{Guid.NewGuid():N}");
        long started = 0;
        TimeSpan processor = default;
        (double, double) measured = default;
        using Process process = Process.GetCurrentProcess();
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Steps(Before + steps).BatchSize(rows).OnProgress(progress =>
        {
            if (progress.Phase != TrainingPhase.Training || (progress.Step != Before && progress.Step != Before + steps)) return;
            process.Refresh();
            if (progress.Step == Before) (started, processor) = (Stopwatch.GetTimestamp(), process.TotalProcessorTime);
            else measured = (Stopwatch.GetElapsedTime(started).TotalSeconds, (process.TotalProcessorTime - processor).TotalSeconds);
        });
        if (writes) tuner = tuner.CheckpointTo(folder, Before + (steps / 2), keepLast: 1).OnCheckpoint(reports.Add);
        tuner.Train(data);
        if (writes) Directory.Delete(folder, recursive: true);
        return measured;
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private static double Median(List<(double Clock, double Processor)> times, Func<(double Clock, double Processor), double> of) => Median(times.Select(of));
}
