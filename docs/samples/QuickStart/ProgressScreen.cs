using System.Globalization;
using FineTuning.Training;

namespace QuickStart;

/// <summary>A progress bar, and a line of the table after each evaluation. The library writes nothing to the console itself.</summary>
internal sealed class ProgressScreen
{
    private const int BarWidth = 30;
    private readonly bool _isTerminal = !Console.IsOutputRedirected;
    private bool _hasHeader;
    private long _lastDrawn;

    public void Show(TrainingProgress progress)
    {
        // A terminal is redrawn ten times a second; a file or pipe gets the table alone.
        if (!_isTerminal || progress.Phase != TrainingPhase.Training || Environment.TickCount64 - _lastDrawn < 100) return;
        _lastDrawn = Environment.TickCount64;
        int filled = (int)(BarWidth * progress.Step / Math.Max(1, progress.TotalSteps));
        Console.Write(string.Create(CultureInfo.InvariantCulture,
            $"\r[{new string('#', filled)}{new string('.', BarWidth - filled)}] {progress.Step}/{progress.TotalSteps} loss {progress.Loss:0.000} {progress.TokensPerSecond:0} tokens/s, {progress.Remaining:mm\\:ss} left "));
    }

    public void Show(EvaluationRecord evaluation)
    {
        Clear();
        if (!_hasHeader) Console.WriteLine("epoch   step   train loss   dev loss   accuracy   macro F1");
        _hasHeader = true;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{evaluation.Epoch,5:0.#} {evaluation.Step,6} {evaluation.TrainingLoss,12:0.0000} {evaluation.Metrics["loss"],10:0.0000} {evaluation.Metrics["accuracy"],10:P1} {evaluation.Metrics["f1_macro"],10:P1}{(evaluation.IsBest ? "  best so far" : "")}"));
    }

    public void Finish() => Clear();

    private void Clear()
    {
        if (_isTerminal) Console.Write($"\r{new string(' ', 100)}\r");
    }
}
