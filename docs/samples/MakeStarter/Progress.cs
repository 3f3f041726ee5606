using System.Diagnostics;
using System.Globalization;
using FineTuning.Training;

namespace MakeStarter;

/// <summary>What the library's events say of the runs: a line that is redrawn on a terminal, one a minute in a file.</summary>
internal static class Progress
{
    private static readonly bool IsTerminal = !Console.IsOutputRedirected;
    private static long _lastShown;

    public static void Show(string line)
    {
        if (_lastShown != 0 && Stopwatch.GetElapsedTime(_lastShown) < (IsTerminal ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromMinutes(1))) return;
        _lastShown = Stopwatch.GetTimestamp();
        if (IsTerminal) Console.Write($"\r{line,-110}");
        else Console.WriteLine(line);
    }

    public static void Show(TrainingProgress progress)
    {
        if (progress.Phase != TrainingPhase.Training) return;
        Show(string.Create(CultureInfo.InvariantCulture,
            $"  step {progress.Step} of {progress.TotalSteps}, epoch {progress.Epoch:0.00}, loss {progress.Loss:0.000}, {progress.TokensPerSecond:0} tokens/s, {progress.Remaining:hh\\:mm\\:ss} left"));
    }

    public static void Show(EvaluationRecord evaluation)
    {
        End();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  epoch {evaluation.Epoch:0.##}: training loss {evaluation.TrainingLoss:0.0000}; held out: {evaluation.Metrics}"));
    }

    public static void End()
    {
        if (IsTerminal) Console.Write($"\r{new string(' ', 110)}\r");
    }
}
