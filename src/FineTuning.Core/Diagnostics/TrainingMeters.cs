using System.Diagnostics.Metrics;

namespace FineTuning.Diagnostics;

/// <summary>The meter "FineTuning.Core": names and units follow OpenTelemetry's conventions.</summary>
internal static class TrainingMeters
{
    private static readonly Meter Meter = new("FineTuning.Core");
    private static readonly Counter<long> Steps = Meter.CreateCounter<long>("finetuning.training.steps", "{step}", "Optimizer steps done.");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>(
        "finetuning.training.tokens", "{token}", "Tokens trained on, padding not counted.");
    private static readonly Histogram<double> Durations = Meter.CreateHistogram<double>(
        "finetuning.training.step.duration", "s", "The time of an optimizer step.");
    private static readonly Gauge<double> Loss = Meter.CreateGauge<double>("finetuning.training.loss", "1", "The mean loss of the last step.");
    private static readonly Histogram<double> Evaluations = Meter.CreateHistogram<double>("finetuning.evaluation.duration", "s", "The time of an evaluation.");

    public static void Step(double loss, long tokens, TimeSpan duration)
    {
        Steps.Add(1);
        Tokens.Add(tokens);
        Durations.Record(duration.TotalSeconds);
        Loss.Record(loss);
    }

    public static void Evaluation(TimeSpan duration) => Evaluations.Record(duration.TotalSeconds);
}
