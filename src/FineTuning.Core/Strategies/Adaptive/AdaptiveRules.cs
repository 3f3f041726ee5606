using System.Globalization;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>From measurements to what trains, how fast and how regularised: functions of their arguments alone, each with its reason in a sentence.</summary>
/// <remarks>The numbers are rules of thumb; the table of docs/strategies.md says what they reach.</remarks>
internal static class AdaptiveRules
{
    // From here on a linear head is good enough: of the labels' bits, and of the targets.
    private const double EasyShare = 0.85, EasyAccuracy = 0.97;
    // So much missing information needs no layer, and so much all of them.
    private const double NoLayers = 0.1, AllLayers = 0.5, NearlyAll = 0.75;
    private const double MemoryShare = 0.6;
    private const int FewRows = 1000, ManyRows = 10_000;
    private const double RateTimesWidth = 0.04, DefaultRate = 5e-5, HeadFactor = 20, AdapterFactor = 10, RateRange = 3;
    private const int LeastBatch = 8, MostBatch = 32, LeastStepsInAnEpoch = 8;
    private const double NoisyLabels = 0.05, TrustedShare = 0.5;

    /// <summary>What trains.</summary>
    public static (TuningDepth Depth, string Reason) Depth(AdaptiveMeasurements measured)
    {
        int layers = measured.Layers;
        var all = new TuningDepth(layers, layers);
        TuningDepth Adapted() => measured.TakesAdapters ? new(layers, layers, RankFor(measured)) : new(0, layers);
        if (layers == 0) return (all, "the model has no layers below a head, so all of it trains");
        bool isKnown = measured.Probes.Count > 0;
        double top = isKnown ? measured.Share(measured.Probes[^1].UsableBits) : 0, accuracy = isKnown ? measured.Probes[^1].Accuracy : 0;
        if (isKnown && (top >= EasyShare || accuracy >= EasyAccuracy))
        {
            return (new(0, layers), Say($"a linear head on the last layer labels {accuracy:P1} of the targets right and finds {top:P0} of what there is to be ")
                + "known of a label: the head alone trains");
        }
        if (!measured.TrunkTrains)
        {
            string instead = measured.TakesAdapters ? "an adapter trains beside it" : "the head alone trains";
            return (Adapted(), $"the trunk is kept in a type that does not train: {instead}");
        }
        LayerProbe? best = measured.Probes.MaxBy(probe => (probe.UsableBits, probe.Layer));
        double missing = isKnown ? measured.Difficulty : 1;
        string found = best is null ? "how much a linear head would find is not known" : Say($"a linear head on layer {best.Layer} finds ")
            + Say($"{1 - missing:P0} of what there is to be known of a label ({best.UsableBits:0.00} of {measured.LabelBits:0.00} bits, ")
            + Say($"accuracy {best.Accuracy:0.###})");
        double part = Math.Clamp((missing - NoLayers) / (AllLayers - NoLayers), 0, 1);
        // What the best layer knows has to be brought to where the head reads.
        int highest = Math.Max(1, Math.Max((int)Math.Ceiling((layers * part) - 1e-9), best is null ? 0 : layers - best.Layer));
        if (highest < NearlyAll * layers && measured.LayersAreApart)
            return (new(highest, layers), $"{found}: the head and the highest {highest} of {layers} layers train");
        if (measured.Memory.ForAll > MemoryShare * measured.Memory.Limit && measured.TakesAdapters)
        {
            return (Adapted(), Say($"{found}: all layers are to change, and that takes {measured.Memory.ForAll / 1e9:0.0} GB of ")
                + Say($"{measured.Memory.Limit / 1e9:0.0} GB of memory: an adapter of rank {RankFor(measured)} trains"));
        }
        return (all, $"{found}: all weights train");
    }

    /// <summary>The rate that is usual for so wide a model with an optimizer of Adam's kind, 5e-5 for 768; for other optimizers the tuner's own.</summary>
    public static double UsualRate(AdaptiveMeasurements measured, TuningDepth depth, Optimizer optimizer)
    {
        if (optimizer is not (AdamWOptimizer or AdamOptimizer or RAdamOptimizer or NAdamOptimizer)) return optimizer.LearningRate;
        double all = measured.HiddenSize > 0 ? RateTimesWidth / measured.HiddenSize : DefaultRate;
        return all * (depth.Rank is not null ? AdapterFactor : depth.IsHead ? HeadFactor : 2 - depth.Share);
    }

    /// <summary>The rate: between the usual one and that of the range test, and not far from the first.</summary>
    public static (double Rate, string Reason) Rate(AdaptiveMeasurements measured, TuningDepth depth, int batch, Optimizer optimizer)
    {
        double usual = UsualRate(measured, depth, optimizer) * Math.Sqrt(batch / 16.0);
        if (measured.Rates is not { } curve || !(curve.Suggested > 0))
            return (usual, Say($"the rate is {usual:0.##e+0}, which is usual for {depth} at a width of {measured.HiddenSize}"));
        double rate = Math.Clamp(Math.Sqrt(usual * curve.Suggested), usual / RateRange, usual * RateRange);
        return (rate, Say($"the rate is {rate:0.##e+0}: {usual:0.##e+0} is usual for {depth}, and the range test suggests {curve.Suggested:0.##e+0}"));
    }

    /// <summary>Rows of a step.</summary>
    public static (int Batch, string Reason) Batch(AdaptiveMeasurements measured)
    {
        double scale = measured.GradientNoiseScale;
        double wanted = double.IsNaN(scale) ? 16 : Math.Clamp(scale, LeastBatch, MostBatch);
        int most = Math.Max(1, measured.TrainingRows / LeastStepsInAnEpoch);
        int batch = Math.Max(Math.Min(4, measured.TrainingRows), Math.Min(most, 1 << (int)Math.Round(Math.Log2(wanted))));
        string noise = double.IsNaN(scale) ? "the gradient noise scale is not known"
            : double.IsInfinity(scale) ? "in single batches the gradient drowns in noise" : Say($"the gradient noise scale is about {scale:0} rows");
        return (batch, Say($"{noise}, and there are {measured.TrainingRows:N0} rows: a step takes {batch}"));
    }

    /// <summary>How often the data is gone through where the budget allows, and at least.</summary>
    public static (int Wanted, int Least, string Reason) Epochs(AdaptiveMeasurements measured, TuningDepth depth, int batch)
    {
        double difficulty = double.IsNaN(measured.Difficulty) ? 0.5 : measured.Difficulty;
        int stepsInAnEpoch = Math.Max(1, (measured.TrainingRows + batch - 1) / batch);
        // A head on kept states costs next to nothing; what is hard needs more steps, and few rows more passes to make them.
        double steps = depth.IsHead ? 400 : 60 + (340 * difficulty);
        (int least, int most) = depth.IsHead ? (5, 60) : (2 + (int)Math.Round(2 * difficulty), 20);
        int wanted = Math.Clamp((int)Math.Ceiling(steps / stepsInAnEpoch), least, most);
        string why = depth.IsHead ? "a head on states that are kept costs little"
            : double.IsNaN(measured.Difficulty) ? "how hard the data is was not measured"
            : Say($"{difficulty:P0} of what there is to be known of a label is missing in what a linear head finds");
        return (wanted, Math.Min(3, wanted), Say($"{why}: about {steps:0} steps, of which an epoch has {stepsInAnEpoch}, are {wanted} epochs"));
    }

    /// <summary>What is done against over-fitting.</summary>
    public static (TrainingOptions Recipe, string Reason) Regularised(AdaptiveMeasurements measured, TuningDepth depth, TrainingOptions recipe, int evaluations)
    {
        var done = new List<string>();
        bool isFew = measured.TrainingRows < FewRows;
        if (isFew && depth.IsAll && recipe.LayerDecay == 1)
        {
            recipe = recipe with { LayerDecay = 0.9 };
            done.Add("each layer further from the head learns with 0.9 of the rate");
        }
        if (isFew && recipe.Optimizer.WeightDecay == new TrainingOptions().Optimizer.WeightDecay)
        {
            recipe = recipe with { Optimizer = recipe.Optimizer with { WeightDecay = 0.05 } };
            done.Add("the weight decay is 0.05");
        }
        if (isFew && recipe.Schedule == new TrainingOptions().Schedule)
        {
            recipe = recipe with { Schedule = Schedule.Linear(warmup: 0.1) };
            done.Add("the rate climbs for a tenth of the run");
        }
        // What a weak probe does not understand looks wrong to it.
        bool isNoisy = measured.LabelNoise >= NoisyLabels && 1 - measured.Difficulty >= TrustedShare;
        if (isNoisy && !recipe.Features.Any(feature => feature is WeightAverage))
        {
            recipe = recipe.With(new WeightAverage(0.98));
            done.Add(Say($"{measured.LabelNoise:P0} of the labels look wrong, so weights are averaged over steps"));
        }
        if (recipe.EarlyStopping is null && evaluations > 2)
        {
            recipe = recipe with { EarlyStopping = new EarlyStopping(Math.Max(2, evaluations / 2)) };
            done.Add($"the run stops after {recipe.EarlyStopping.Patience} of {evaluations} evaluations without a gain");
        }
        return (recipe, done.Count == 0 ? "against over-fitting the tuner's own settings stay"
            : Say($"with {measured.TrainingRows:N0} rows: {string.Join("; ", done)}"));
    }

    /// <summary>What a quarter of the run says of the rest.</summary>
    /// <param name="first">The mean loss of the first steps.</param>
    /// <param name="last">The mean loss of the last steps so far.</param>
    /// <param name="error">1 less the score, where that is a share; NaN: it is none.</param>
    /// <returns>What the rate is multiplied by from now on, 0 to end the run, and why.</returns>
    public static (double Factor, string Reason) Revised(double first, double last, double error)
    {
        if (error <= 0) return (0, "nothing is left to gain on the validation data: the run ended");
        string from = Say($"after a quarter of the run the loss has gone from {first:0.###} to {last:0.###}: ");
        if (last > 1.1 * first) return (0.3, from + "the rate is too high, and was multiplied by 0.3");
        if (last > 0.95 * first) return (2, from + "next to nothing is learned, and the rate was doubled");
        return (1, from + "the recipe stays");
    }

    private static int RankFor(AdaptiveMeasurements measured) => measured.TrainingRows < FewRows ? 8 : measured.TrainingRows < ManyRows ? 16 : 32;

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
