namespace FineTuning.Training;

/// <summary>Evaluates and ends with an exponential moving average of the weights instead of their last values.</summary>
/// <remarks>
/// After step t: a = d a + (1 - d) w with d = min(decay, (1 + t) / (10 + t)), so that the start weighs little (Polyak and Juditsky 1992; the ramp of
/// TensorFlow's ExponentialMovingAverage). It needs the memory of one more copy of the weights that train.
/// </remarks>
/// <param name="Decay">The share of the average that stays with each step, from 0 to below 1.</param>
public sealed record WeightAverage(double Decay) : RunFeature
{
    internal override bool CanResume => true;

    internal override int WeightCopies => 1;

    internal override LoopFeature Start() => new WeightAveraging(Decay);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Decay is not (>= 0 and < 1)) violations.Add($"the decay of the weight average is {Decay}: it is from 0 to below 1");
    }
}
