using FineTuning.Diagnostics;
using FineTuning.Models;
using Microsoft.Extensions.Logging;

namespace FineTuning.Heads;

/// <summary>Whether a head was drawn fresh and no step of a run is in its weights; says so once, when it is asked for an answer.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class UntrainedHead(OutputHead head, string checkpoint, ILogger? logger)
{
    private int _said;

    /// <summary>Whether answers mean nothing. A run that is taken back has trained nothing; an adapter of the head counts.</summary>
    public bool IsUntrained => head.LoadReport.Fresh.Count > 0 && !head.Weights.Own.Concat(Guests).Any(weight => weight.IsTuned);

    private IEnumerable<Weight> Guests => head.Trunk.Weights.Guests.Where(weight => weight.Depth == head.Weights.HeadDepth);

    /// <summary>Told before an answer.</summary>
    public void Answers()
    {
        if (logger is null || !IsUntrained || Interlocked.Exchange(ref _said, 1) != 0) return;
        HeadLog.UntrainedHead(logger, checkpoint, string.Join(", ", head.LoadReport.Fresh));
    }
}
