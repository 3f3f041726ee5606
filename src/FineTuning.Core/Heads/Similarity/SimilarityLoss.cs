using FineTuning.Examples;
using FineTuning.Metrics;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>By what a sentence encoder learns, and from which examples; made by <see cref="SimilarityLoss"/>.</summary>
/// <typeparam name="TExample">What it learns from.</typeparam>
/// <remarks>Immutable.</remarks>
public abstract record SimilarityLoss<TExample>
{
    private protected SimilarityLoss()
    {
    }

    /// <summary>The metric by which evaluations are compared where the user names none.</summary>
    internal abstract string PrimaryMetric { get; }

    /// <summary>Whether a row has two texts that are compared; false: one, compared with those of other rows.</summary>
    internal virtual bool ComparesInRow => true;

    /// <summary>An example's texts in order and its target.</summary>
    /// <exception cref="Errors.TrainingDataException">The record cannot be learned from.</exception>
    internal abstract (IReadOnlyList<string> Texts, double Target) Read(TExample example);

    /// <summary>What decides how an example is read, besides the loss's type. Null: nothing does.</summary>
    internal virtual object? RowSettings => null;

    /// <summary>The loss of the batch as a whole (a mean over its rows, where it is one), a scalar.</summary>
    internal abstract Tensor Compute(EmbeddedBatch batch);

    /// <summary>What an evaluation measures.</summary>
    internal abstract ISimilarityScores Scores();

    internal abstract void CollectViolations(List<string> violations);
}

/// <summary>How far two vectors are apart.</summary>
public enum TripletDistance
{
    /// <summary>The length of their difference.</summary>
    Euclidean,

    /// <summary>1 - cosine.</summary>
    Cosine,

    /// <summary>The sum of the absolute differences.</summary>
    Manhattan,
}

/// <summary>The losses of sentence encoders.</summary>
public static class SimilarityLoss
{
    /// <summary>
    /// Each anchor's own positive against those of all other pairs of the batch and all hard negatives (Henderson et al. 2017); larger batches teach more.
    /// A text that stands twice in a batch is not a negative of its own pair.
    /// </summary>
    /// <param name="scale">What similarities are multiplied by, above 0.</param>
    /// <param name="symmetric">Also each positive against all anchors; the mean of both.</param>
    /// <param name="dot">Dot products instead of cosines.</param>
    public static SimilarityLoss<PositivePair> MultipleNegatives(double scale = 20, bool symmetric = false, bool dot = false) =>
        new MultipleNegativesLoss(scale, symmetric, dot);

    /// <summary>The anchor closer to the positive than to the negative, by a margin.</summary>
    /// <param name="margin">0 or more; cosine distances want about 0.5.</param>
    /// <param name="distance">Of which kind.</param>
    /// <param name="swap">The negative must be as far from the positive, where that is closer to it than the anchor is (Balntas et al. 2016).</param>
    public static SimilarityLoss<TextTriple> Triplet(double margin = 5, TripletDistance distance = TripletDistance.Euclidean, bool swap = false) =>
        new TripletLoss(margin, distance, swap);

    /// <summary>The difference of dot products equal to the teacher's <see cref="TextTriple.Margin"/>, by squared error.</summary>
    public static SimilarityLoss<TextTriple> MarginError() => new MarginLoss();

    /// <summary>The cosine equal to the score, by squared error.</summary>
    public static SimilarityLoss<ScoredPair> CosineSimilarity() => new ScoreLoss(ScoreLossKind.CosineError, 1);

    /// <summary>Cosines in the order of the scores (CoSENT), whatever the scale of the scores.</summary>
    /// <param name="scale">What cosines are multiplied by, above 0.</param>
    public static SimilarityLoss<ScoredPair> CoSent(double scale = 20) => new ScoreLoss(ScoreLossKind.CoSent, scale);

    /// <summary>Angles in complex space in the order of the scores (AnglE).</summary>
    /// <param name="scale">What similarities are multiplied by, above 0.</param>
    public static SimilarityLoss<ScoredPair> Angle(double scale = 20) => new ScoreLoss(ScoreLossKind.Angle, scale);

    /// <summary>Similar pairs close, others at least a margin apart, by cosine distance.</summary>
    /// <param name="margin">Above 0.</param>
    /// <param name="online">Only the batch's hard pairs, summed up.</param>
    public static SimilarityLoss<MatchedPair> Contrastive(double margin = 0.5, bool online = false) => new ContrastiveLoss(margin, online);

    /// <summary>Similar pairs at a cosine of 1, others at one of at most the margin.</summary>
    /// <param name="margin">From -1 to below 1.</param>
    public static SimilarityLoss<MatchedPair> CosineEmbedding(double margin = 0) => new CosineEmbeddingLoss(margin);

    /// <summary>Texts of one label close and of others far, by triples found in the batch.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="labels">All labels.</param>
    /// <param name="mining">Which triples count.</param>
    /// <param name="margin">0 or more; not read where the margin is soft.</param>
    public static SimilarityLoss<LabeledText<TLabel>> BatchTriplet<TLabel>(
        IReadOnlyList<TLabel> labels, TripletMining mining = TripletMining.Hard, double margin = 5)
        where TLabel : notnull => new LabelLoss<TLabel>(new LabelSet<TLabel>(labels), mining, margin);

    /// <summary>Texts of one label against all others of the batch (Khosla et al. 2020).</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="labels">All labels.</param>
    /// <param name="temperature">Above 0.</param>
    public static SimilarityLoss<LabeledText<TLabel>> SupervisedContrastive<TLabel>(IReadOnlyList<TLabel> labels, double temperature = 0.1)
        where TLabel : notnull => new LabelLoss<TLabel>(new LabelSet<TLabel>(labels), null, temperature);
}

/// <summary>Which triples of a batch count.</summary>
public enum TripletMining
{
    /// <summary>Per text its farthest of the same label and its nearest of another.</summary>
    Hard,

    /// <summary>The same with log(1 + e^x) instead of a margin.</summary>
    HardSoftMargin,

    /// <summary>Per pair of one label the nearest other that is farther than it.</summary>
    SemiHard,

    /// <summary>All that cost something.</summary>
    All,
}
