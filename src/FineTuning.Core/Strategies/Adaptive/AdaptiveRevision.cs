using System.Text.Json.Serialization;
using FineTuning.Metrics;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>Looks at a run once, after a share of its steps, and revises the rate or ends it.</summary>
/// <param name="Share">After which share of the steps, above 0 and below 1.</param>
internal sealed record AdaptiveRevision(double Share) : RunFeature
{
    /// <summary>Told what was revised; no part of the recipe.</summary>
    [JsonIgnore]
    public Action<string>? Told { get; init; }

    public bool Equals(AdaptiveRevision? other) => other is not null && Share.Equals(other.Share);

    public override int GetHashCode() => Share.GetHashCode();

    internal override bool CanResume => true;

    internal override LoopFeature Start() => new Revising(this);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Share is not (> 0 and < 1)) violations.Add($"the share after which a run is revised is {Share}: it is above 0 and below 1");
    }

    private sealed class Revising(AdaptiveRevision settings) : LoopFeature
    {
        private const string Path = "revision/";
        private const int LeastSteps = 8;

        private double _first, _last, _factor = 1;
        private bool _isDone;

        public override double RateFactor => _factor;

        public override string StatePath => Path;

        public override void AfterStep(RunParts run)
        {
            long at = (long)Math.Ceiling(settings.Share * run.Record.Length.TotalSteps), window = Math.Max(1, at / 4);
            if (_isDone || at < LeastSteps) return;
            double loss = run.Record.LastLoss;
            if (run.Record.Steps <= window) _first += loss / window;
            if (run.Record.Steps <= at - window) return;
            _last += loss / window;
            if (run.Record.Steps < at) return;
            _isDone = true;
            (_factor, string reason) = AdaptiveRules.Revised(_first, _last, ErrorOf(run));
            if (_factor == 0) (_factor, run.Record.Stop) = (1, StopReason.StoppedEarly);
            settings.Told?.Invoke(reason);
        }

        public override void Export(StateWriter state)
        {
            state.Add(Path + "first", _first);
            state.Add(Path + "last", _last);
            state.Add(Path + "factor", _factor);
            state.Add(Path + "done", _isDone ? 1 : 0);
        }

        public override void Import(RunParts run, StateReader state)
        {
            (_first, _last) = (state.Number(Path + "first") ?? 0, state.Number(Path + "last") ?? 0);
            (_factor, _isDone) = (state.Number(Path + "factor") ?? 1, state.Number(Path + "done") > 0);
        }

        private static double ErrorOf(RunParts run)
        {
            if (run.Record.LastEvaluation?.Metrics.Find(run.Record.Metric) is not { Direction: MetricDirection.Higher } metric) return double.NaN;
            return ErrorScale.Of(metric.Direction, [metric.Value]) is { } scale ? scale.Error(metric.Value) : double.NaN;
        }
    }
}
