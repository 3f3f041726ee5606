using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What adaptive tuning measured before it chose a recipe. Numbers only.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record AdaptiveMeasurements
{
    internal AdaptiveMeasurements()
    {
    }

    /// <summary>Rows to learn from.</summary>
    public int TrainingRows { get; internal init; }

    /// <summary>Rows to evaluate on.</summary>
    public int ValidationRows { get; internal init; }

    /// <summary>Layers of the trunk below the head; 0 where there is none.</summary>
    public int Layers { get; internal init; }

    /// <summary>Numbers in a hidden state; 0 where there is no trunk.</summary>
    public int HiddenSize { get; internal init; }

    /// <summary>Training rows that probes were fitted to.</summary>
    public int ProbedRows { get; internal init; }

    /// <summary>Classes that the probed rows have; 0 where no probe was fitted.</summary>
    public int Classes { get; internal init; }

    /// <summary>A linear probe on what some layers give, the lowest first; empty where none was fitted.</summary>
    public IReadOnlyList<LayerProbe> Probes { get; internal init; } = [];

    /// <summary>
    /// The entropy of the labels in bits, by their frequencies: what there is to be known of a label. NaN where no probe was fitted.
    /// </summary>
    public double LabelBits { get; internal init; } = double.NaN;

    /// <summary>
    /// The V-usable information of the best layer's probe in bits, out of fold (Xu et al. 2020; Ethayarajh et al. 2022, equation 2): how much of it a linear
    /// head finds without any tuning below. NaN where no probe was fitted.
    /// </summary>
    public double UsableBits { get; internal init; } = double.NaN;

    /// <summary>
    /// The share of labels that look wrong, by confident learning on the probe out of fold (Northcutt et al. 2021); what a linear head does not understand may
    /// look wrong, so it is at most about that much. NaN where no probe was fitted.
    /// </summary>
    public double LabelNoise { get; internal init; } = double.NaN;

    /// <summary>Each probed example with its usable information, the least first: what is hard, or wrongly labelled.</summary>
    public IReadOnlyList<ExampleInformation> Examples { get; internal init; } = [];

    /// <summary>
    /// The simple gradient noise scale in rows (McCandlish et al. 2018, appendix A.1): batches far below it are mostly noise, batches far above it bring
    /// little. Infinite where the mean gradient drowns in noise; NaN where it was not measured.
    /// </summary>
    public double GradientNoiseScale { get; internal init; } = double.NaN;

    /// <summary>The range test of learning rates, with what was chosen to train. Null: it was not made.</summary>
    public LearningRateCurve? Rates { get; internal init; }

    /// <summary>What was not measured, and why; a sentence each.</summary>
    public IReadOnlyList<string> LeftOut { get; internal init; } = [];

    /// <summary>The compute that measuring took, in rows; see <see cref="AdaptiveBudget"/>.</summary>
    public double Cost { get; internal init; }

    /// <summary>The time that measuring took.</summary>
    public TimeSpan Elapsed { get; internal init; }

    /// <summary>How much of what there is to be known of a label is missing in what a linear head finds, from 0 (easy) to 1; NaN: unknown.</summary>
    public double Difficulty => Probes.Count == 0 ? double.NaN : 1 - Share(UsableBits);

    /// <summary>Whether weights of the trunk can train.</summary>
    internal bool TrunkTrains { get; init; } = true;

    /// <summary>Whether each layer has weights of its own, so that some can train and others not.</summary>
    internal bool LayersAreApart { get; init; } = true;

    /// <summary>Whether the model takes adapters.</summary>
    internal bool TakesAdapters { get; init; }

    /// <summary>Bytes that a run which trains all weights needs for them, and bytes that there are.</summary>
    internal (long ForAll, long Limit) Memory { get; init; } = (0, long.MaxValue);

    /// <summary>Of the labels' bits, from 0 to 1.</summary>
    internal double Share(double bits) => LabelBits > 0 ? Math.Clamp(bits / LabelBits, 0, 1) : 1;
}

/// <summary>A linear probe (multinomial logistic regression) on what a layer gives, measured on rows that it was not fitted to.</summary>
/// <param name="Layer">0 for the embeddings, then the layers from the lowest up.</param>
/// <param name="Accuracy">The share of targets that it labels right, from 0 to 1.</param>
/// <param name="UsableBits">Its V-usable information in bits a target.</param>
public sealed record LayerProbe(int Layer, double Accuracy, double UsableBits);

/// <summary>What a linear head finds of an example's label.</summary>
/// <param name="Index">The index of the example in the training data, from 0.</param>
/// <param name="Bits">
/// The pointwise V-information in bits, the mean over its targets (Ethayarajh et al. 2022, equation 4); below 0 where the probe is misled.
/// </param>
/// <param name="IsSuspect">Whether its label, or one of its labels, looks wrong.</param>
public sealed record ExampleInformation(int Index, double Bits, bool IsSuspect);
