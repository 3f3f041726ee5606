using System.Globalization;
using FineTuning.Training;

namespace FineTuning.Samples;

/// <summary>A line that is redrawn ten times a second on a terminal; a file or a pipe gets the last step of every epoch.</summary>
internal sealed class ProgressBar
{
    private const int Width = 30;
    private readonly bool _isTerminal = !Console.IsOutputRedirected;
    private long _lastDrawn, _lastEpoch;

    public void Show(TrainingProgress progress)
    {
        if (progress.Phase != TrainingPhase.Training) return;
        long now = Environment.TickCount64, epoch = (long)progress.Epoch;
        if (_isTerminal ? now - _lastDrawn < 100 : epoch == _lastEpoch) return;
        (_lastDrawn, _lastEpoch) = (now, epoch);
        int filled = (int)(Width * progress.Step / Math.Max(1, progress.TotalSteps));
        string line = string.Create(CultureInfo.InvariantCulture,
            $"[{new string('#', filled)}{new string('.', Width - filled)}] {progress.Step}/{progress.TotalSteps} loss {progress.Loss:0.000} {progress.TokensPerSecond:0} tokens/s, {progress.Remaining:mm\\:ss} left");
        if (_isTerminal) Console.Write($"\r{line} ");
        else Console.WriteLine(line);
    }

    public void Clear()
    {
        if (_isTerminal) Console.Write($"\r{new string(' ', 100)}\r");
    }
}
