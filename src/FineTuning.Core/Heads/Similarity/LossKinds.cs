using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

internal sealed record MultipleNegativesLoss(double Scale, bool Symmetric, bool Dot) : SimilarityLoss<PositivePair>
{
    internal override string PrimaryMetric => "mrr@10";

    internal override (IReadOnlyList<string> Texts, double Target) Read(PositivePair example) =>
        ([example.Anchor, example.Positive, .. ExampleParts.Require(example.Negatives, "list of negatives")], double.NaN);

    internal override Tensor Compute(EmbeddedBatch batch)
    {
        Tensor anchors = batch.Column(0), candidates = batch.Candidates();
        Tensor? excluded = batch.Duplicates();
        Tensor forward = PairLosses.MultipleNegatives(anchors, candidates, excluded, Scale, Dot);
        if (!Symmetric) return forward;
        // An anchor that is no negative's partner in one direction is none in the other.
        Tensor? back = excluded?.narrow(1, 0, anchors.shape[0]).t();
        return forward.Plus(PairLosses.MultipleNegatives(batch.Column(1), anchors, back, Scale, Dot)) / Held(2);
    }

    internal override ISimilarityScores Scores() => new RetrievalScores(Dot);

    internal override void CollectViolations(List<string> violations) => SimilarityRules.Positive(Scale, "Scale", violations);
}

internal sealed record TripletLoss(double Margin, TripletDistance Distance, bool Swap) : SimilarityLoss<TextTriple>
{
    internal override string PrimaryMetric => "accuracy";

    internal override (IReadOnlyList<string> Texts, double Target) Read(TextTriple example) =>
        ([example.Anchor, example.Positive, example.Negative], double.NaN);

    internal override Tensor Compute(EmbeddedBatch batch) => PairLosses.Triplet(batch.Column(0), batch.Column(1), batch.Column(2), Distance, Margin, Swap);

    internal override ISimilarityScores Scores() => new TripleScores();

    internal override void CollectViolations(List<string> violations)
    {
        if (!Enum.IsDefined(Distance)) violations.Add(HeadErrors.NotOneOf(nameof(Distance), Distance));
        SimilarityRules.NotNegative(Margin, "Margin", violations);
    }
}

internal sealed record MarginLoss : SimilarityLoss<TextTriple>
{
    internal override string PrimaryMetric => "accuracy";

    internal override (IReadOnlyList<string> Texts, double Target) Read(TextTriple example)
    {
        double margin = example.Margin ?? throw new TrainingDataException(
            $"the triple of \"{Excerpt.Of(example.Anchor)}\" has no Margin, which this loss learns");
        return ([example.Anchor, example.Positive, example.Negative], SimilarityRules.Finite(margin, "margin", example.Anchor));
    }

    internal override Tensor Compute(EmbeddedBatch batch) => PairLosses.MarginError(batch.Column(0), batch.Column(1), batch.Column(2), batch.Targets());

    internal override ISimilarityScores Scores() => new TripleScores();

    internal override void CollectViolations(List<string> violations)
    {
    }
}

internal enum ScoreLossKind
{
    CosineError,
    CoSent,
    Angle,
}

internal sealed record ScoreLoss(ScoreLossKind Kind, double Scale) : SimilarityLoss<ScoredPair>
{
    internal override string PrimaryMetric => "spearman";

    internal override (IReadOnlyList<string> Texts, double Target) Read(ScoredPair example)
    {
        double score = SimilarityRules.Finite(example.Score, "score", example.First);
        if (Kind == ScoreLossKind.CosineError && Math.Abs(score) > 1)
        {
            throw new TrainingDataException($"the score {score} of the pair of \"{Excerpt.Of(example.First)}\" is no cosine; "
                + "scale scores to -1 ... 1 (or 0 ... 1), or use CoSent, which only ranks");
        }
        return ([example.First, example.Second], score);
    }

    internal override Tensor Compute(EmbeddedBatch batch)
    {
        Tensor first = batch.Column(0), second = batch.Column(1), scores = batch.Targets();
        return Kind switch
        {
            ScoreLossKind.CoSent => PairLosses.RankingOfScores(PairLosses.Cosine(first, second), scores, Scale),
            ScoreLossKind.Angle => PairLosses.RankingOfScores(PairLosses.Angle(first, second), scores, Scale),
            _ => PairLosses.CosineError(first, second, scores),
        };
    }

    internal override ISimilarityScores Scores() => new CorrelationScores();

    internal override void CollectViolations(List<string> violations) => SimilarityRules.Positive(Scale, "Scale", violations);
}

internal sealed record ContrastiveLoss(double Margin, bool Online) : SimilarityLoss<MatchedPair>
{
    internal override string PrimaryMetric => "accuracy";

    internal override (IReadOnlyList<string> Texts, double Target) Read(MatchedPair example) => ([example.First, example.Second], example.Similar ? 1 : 0);

    internal override Tensor Compute(EmbeddedBatch batch)
    {
        Tensor first = batch.Column(0), second = batch.Column(1), similar = batch.Targets();
        return Online ? PairLosses.OnlineContrastive(first, second, similar, Margin) : PairLosses.Contrastive(first, second, similar, Margin);
    }

    internal override ISimilarityScores Scores() => new MatchScores();

    internal override void CollectViolations(List<string> violations) => SimilarityRules.Positive(Margin, "Margin", violations);
}

internal sealed record CosineEmbeddingLoss(double Margin) : SimilarityLoss<MatchedPair>
{
    internal override string PrimaryMetric => "accuracy";

    internal override (IReadOnlyList<string> Texts, double Target) Read(MatchedPair example) => ([example.First, example.Second], example.Similar ? 1 : 0);

    internal override Tensor Compute(EmbeddedBatch batch) => PairLosses.CosineEmbedding(batch.Column(0), batch.Column(1), batch.Targets(), Margin);

    internal override ISimilarityScores Scores() => new MatchScores();

    internal override void CollectViolations(List<string> violations)
    {
        if (Margin is not (>= -1 and < 1)) violations.Add($"Margin is {Margin}: a cosine's margin is from -1 to below 1");
    }
}

internal sealed record LabelLoss<TLabel>(LabelSet<TLabel> Labels, TripletMining? Mining, double Parameter) : SimilarityLoss<LabeledText<TLabel>>
    where TLabel : notnull
{
    internal override bool ComparesInRow => false;

    internal override string PrimaryMetric => "accuracy";

    internal override (IReadOnlyList<string> Texts, double Target) Read(LabeledText<TLabel> example)
    {
        int label = Labels.IndexOf(example.Label);
        if (label < 0)
            throw new TrainingDataException($"the label '{example.Label}' of the text \"{Excerpt.Of(example.Text)}\" is not one of the {Labels.Count}: "
                + $"{Excerpt.Of(string.Join(", ", Labels.Names))}");
        if (!string.IsNullOrEmpty(example.Pair))
            throw new TrainingDataException($"the text \"{Excerpt.Of(example.Text)}\" has a second text, but a sentence encoder takes one at a time");
        return ([example.Text], label);
    }

    internal override Tensor Compute(EmbeddedBatch batch) => Mining switch
    {
        null => GroupLosses.SupervisedContrastive(batch.Embeddings, batch.Labels(), Parameter),
        TripletMining.Hard => GroupLosses.BatchHard(batch.Embeddings, batch.Labels(), Parameter),
        TripletMining.HardSoftMargin => GroupLosses.BatchHard(batch.Embeddings, batch.Labels(), null),
        TripletMining.SemiHard => GroupLosses.BatchSemiHard(batch.Embeddings, batch.Labels(), Parameter),
        _ => GroupLosses.BatchAll(batch.Embeddings, batch.Labels(), Parameter),
    };

    internal override object? RowSettings => Labels.Names;

    internal override ISimilarityScores Scores() => new NeighbourScores();

    internal override void CollectViolations(List<string> violations)
    {
        if (Mining is null) SimilarityRules.Positive(Parameter, "Temperature", violations);
        else SimilarityRules.NotNegative(Parameter, "Margin", violations);
        if (Mining is { } mining && !Enum.IsDefined(mining)) violations.Add(HeadErrors.NotOneOf("Mining", mining));
    }
}

/// <summary>What settings and targets may be.</summary>
internal static class SimilarityRules
{
    public static void Positive(double value, string name, List<string> violations)
    {
        if (value is not (>= 1e-6 and < 1e6)) violations.Add($"{name} is {value}: it is above 0, at least 1e-6, and below 1,000,000");
    }

    public static void NotNegative(double value, string name, List<string> violations)
    {
        if (value is not (>= 0 and < 1e6)) violations.Add($"{name} is {value}: it is from 0 to below 1,000,000");
    }

    public static double Finite(double value, string what, string text) =>
        double.IsFinite(value) ? value : throw new TrainingDataException($"the {what} {value} of the text \"{Excerpt.Of(text)}\" is not a finite number");
}
