using FineTuning.Diagnostics;
using FineTuning.Models;
using Microsoft.Extensions.Logging;

namespace FineTuning.Heads;

/// <summary>Whether a head was drawn fresh and nothing has trained it; says so once, when it is asked for an answer.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class UntrainedHead(LoadReport report, string checkpoint, ILogger? logger)
{
    private volatile bool _learned;
    private int _said;

    /// <summary>Whether answers mean nothing.</summary>
    public bool IsUntrained => report.Fresh.Count > 0 && !_learned;

    /// <summary>Told of a pass; one of a training counts.</summary>
    public void Learns(ForwardContext context)
    {
        if (context.IsTraining) _learned = true;
    }

    /// <summary>Told before an answer.</summary>
    public void Answers()
    {
        if (!IsUntrained || logger is null || Interlocked.Exchange(ref _said, 1) != 0) return;
        HeadLog.UntrainedHead(logger, checkpoint, string.Join(", ", report.Fresh));
    }
}
