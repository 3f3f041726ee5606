using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Laws of learning from pairs: chunks give the gradient of the whole, texts that occur twice are no negatives, and runs learn.</summary>
public sealed class SimilarityTrainingTests
{
    private static List<PositivePair> Pairs(int count)
    {
        string[] texts = TinySentences.Texts(3 * count, 5);
        return [.. Enumerable.Range(0, count).Select(i => new PositivePair(texts[3 * i], texts[(3 * i) + 1]) { Negatives = i % 3 == 0 ? [texts[(3 * i) + 2]] : [] })];
    }

    /// <summary>The loss of all examples as one batch, and the gradient of every weight.</summary>
    private static (double Loss, float[] Gradients, int Groups) Gradients<TExample>(SentenceEncoder encoder, TunableModel<TExample> model, IEnumerable<TExample> examples, bool whole)
    {
        using var scope = NewDisposeScope();
        var report = new EncodingReport();
        var batch = (TextsBatch)model.Collate([.. examples.Select(example => model.Encode(example, report)!)], 1);
        ForwardContext context = ForwardContext.For(new DropoutStream(1, 2, 3), Precision.Float32);
        double loss;
        if (whole)
        {
            Tensor sum = model.SumLoss(batch, context);
            sum.backward();
            loss = sum.Number();
        }
        else
        {
            loss = model.AddGradients(batch, context);
        }
        float[] gradients = [.. encoder.Weights.SelectMany(weight => weight.Value.grad is { } gradient ? gradient.data<float>().ToArray() : [])];
        foreach (Weight weight in encoder.Weights) weight.Value.grad = null;
        return (loss, gradients, batch.Groups.Count);
    }

    private static double Distance(float[] one, float[] other) => one.Zip(other, (a, b) => Math.Abs(a - b)).Max() / one.Max(Math.Abs);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Chunks_give_the_gradient_of_the_whole_batch(int chunk)
    {
        using SentenceEncoder encoder = TinySentences.Encoder(new SentenceEncoderOptions { Dropout = 0 });
        SimilarityLoss<PositivePair> loss = SimilarityLoss.MultipleNegatives(symmetric: true);
        (double expected, float[] whole, _) = Gradients(encoder, encoder.With(loss), Pairs(30), whole: true);
        (double actual, float[] pieces, int groups) = Gradients(encoder, encoder.With(loss, chunk), Pairs(30), whole: false);
        Assert.True(chunk >= 70 || groups >= 70 / chunk);
        Assert.Equal(expected, actual, 1e-4);
        Assert.Equal(whole.Length, pieces.Length);
        Assert.True(Distance(whole, pieces) < 1e-5, $"{Distance(whole, pieces)}");
    }

    [Fact]
    public void Both_passes_of_a_chunk_draw_the_same_dropout()
    {
        using SentenceEncoder encoder = TinySentences.Encoder();
        TunableModel<PositivePair> model = encoder.With(SimilarityLoss.MultipleNegatives(), 5);
        (double expected, float[] graph, _) = Gradients(encoder, model, Pairs(20), whole: true);
        (double actual, float[] twice, _) = Gradients(encoder, model, Pairs(20), whole: false);
        using SentenceEncoder still = TinySentences.Encoder(new SentenceEncoderOptions { Dropout = 0 });
        (double without, _, _) = Gradients(still, still.With(SimilarityLoss.MultipleNegatives(), 5), Pairs(20), whole: true);
        Assert.NotEqual(without, expected, 1e-3);
        Assert.Equal(expected, actual, 1e-4);
        Assert.True(Distance(graph, twice) < 1e-5);
    }

    [Fact]
    public void The_order_of_the_batch_does_not_change_its_loss()
    {
        using SentenceEncoder encoder = TinySentences.Encoder(new SentenceEncoderOptions { Dropout = 0 });
        TunableModel<PositivePair> model = encoder.With(SimilarityLoss.MultipleNegatives());
        (double expected, float[] gradient, _) = Gradients(encoder, model, Pairs(20), whole: true);
        (double actual, float[] other, _) = Gradients(encoder, model, Pairs(20).AsEnumerable().Reverse(), whole: true);
        Assert.Equal(expected, actual, 1e-4);
        Assert.True(Distance(gradient, other) < 1e-5);
    }

    [Fact]
    public void A_text_that_stands_twice_is_no_negative_of_its_pair()
    {
        using SentenceEncoder encoder = TinySentences.Encoder(new SentenceEncoderOptions { Dropout = 0 });
        TunableModel<PositivePair> model = encoder.With(SimilarityLoss.MultipleNegatives());
        double Loss(params PositivePair[] pairs) => Gradients(encoder, model, pairs, whole: true).Loss / pairs.Length;
        var pair = new PositivePair("the cat sleeps", "a red bird sings");
        // Only duplicates: nothing is left to be told apart from.
        Assert.Equal(0, Loss(pair, pair, pair), 1e-6);
        Assert.Equal(0, Loss(pair, pair with { Anchor = "snow on the dog" }), 1e-6);
        Assert.Equal(0, Loss(pair, pair with { Positive = "wind over a horse" }), 1e-6);
        Assert.Equal(0, Loss(pair with { Negatives = ["a red bird sings", "the cat sleeps"] }), 1e-6);
        Assert.True(Loss(pair, new PositivePair("snow on the dog", "wind over a horse")) > 1e-3);
        // The two equal pairs each have the third as their only negative; the third has the pair's positive twice.
        var third = new PositivePair("storm", "fish eats in the rain");
        double Cosine(string one, string other) => 20 * encoder.Similarity(one, other);
        double ofPair = Math.Log(1 + Math.Exp(Cosine(pair.Anchor, third.Positive) - Cosine(pair.Anchor, pair.Positive)));
        double ofThird = Math.Log(1 + (2 * Math.Exp(Cosine(third.Anchor, pair.Positive) - Cosine(third.Anchor, third.Positive))));
        Assert.Equal(((2 * ofPair) + ofThird) / 3, Loss(pair, pair, third), 1e-4);
    }

    [Fact]
    public void Frozen_encoders_are_refused_with_chunks_as_without()
    {
        using SentenceEncoder encoder = TinySentences.Encoder();
        foreach (int? chunk in new int?[] { null, 4 })
        {
            FineTuner<PositivePair> tuner = FineTuner.For(encoder.With(SimilarityLoss.MultipleNegatives(), chunk)).Freeze(weights => weights.Embeddings().Layers(..2));
            Assert.Contains("freeze less", Assert.Throws<InvalidOptionsException>(() => tuner.BatchSize(8).Steps(1).Train(Pairs(8))).Message, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string> Kinds => ["pairs", "chunks", "triples", "margins", "cosine", "cosent", "angle", "contrastive", "embedding", "online", "hard", "soft", "semi", "all", "supervised"];

    /// <summary>Animals are close to animals and weather to weather: the loss on texts not seen falls and the measure rises.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_loss_learns(string kind)
    {
        using SentenceEncoder encoder = TinySentences.Encoder(new SentenceEncoderOptions { Dropout = 0, Normalize = kind is "triples" or "hard" or "soft" or "semi" or "all" });
        LabeledText<string>[] texts = Topics(120, 1), unseen = Topics(60, 2);
        string[] labels = ["animal", "weather", "colour"];
        switch (kind)
        {
            case "pairs": Check(SimilarityLoss.MultipleNegatives(), Positives(texts), Positives(unseen)); break;
            case "chunks": Check(SimilarityLoss.MultipleNegatives(), Positives(texts), Positives(unseen), 16); break;
            case "triples": Check(SimilarityLoss.Triplet(0.5), Triples(texts), Triples(unseen)); break;
            case "margins": Check(SimilarityLoss.MarginError(), Triples(texts), Triples(unseen)); break;
            case "cosine": Check(SimilarityLoss.CosineSimilarity(), Scored(texts), Scored(unseen)); break;
            case "cosent": Check(SimilarityLoss.CoSent(), Scored(texts), Scored(unseen)); break;
            case "angle": Check(SimilarityLoss.Angle(), Scored(texts), Scored(unseen)); break;
            case "contrastive": Check(SimilarityLoss.Contrastive(), Matched(texts), Matched(unseen)); break;
            case "embedding": Check(SimilarityLoss.CosineEmbedding(0.2), Matched(texts), Matched(unseen)); break;
            case "online": Check(SimilarityLoss.Contrastive(online: true), Matched(texts), Matched(unseen)); break;
            case "hard": Check(SimilarityLoss.BatchTriplet(labels, TripletMining.Hard, 0.5), texts, unseen); break;
            case "soft": Check(SimilarityLoss.BatchTriplet(labels, TripletMining.HardSoftMargin), texts, unseen); break;
            case "semi": Check(SimilarityLoss.BatchTriplet(labels, TripletMining.SemiHard, 0.5), texts, unseen); break;
            case "all": Check(SimilarityLoss.BatchTriplet(labels, TripletMining.All, 0.5), texts, unseen); break;
            default: Check(SimilarityLoss.SupervisedContrastive(labels), texts, unseen); break;
        }

        void Check<TExample>(SimilarityLoss<TExample> loss, IReadOnlyList<TExample> train, IReadOnlyList<TExample> test, int? chunk = null)
        {
            TrainingResult result = FineTuner.For(encoder.With(loss, chunk)).BatchSize(16).Epochs(6).WithOptimizer(Optimizer.AdamW(5e-3)).With(o => o with { KeepBest = false })
                .ValidateOn(test).Train(train);
            Assert.True(result.History.TakeLast(5).Average(step => step.Loss) < 0.8 * result.History.Take(5).Average(step => step.Loss), $"{kind}: {result.History[0].Loss} to {result.History[^1].Loss}");
            MetricIsGood(result.Evaluations[^1].Metrics);
        }

        void MetricIsGood(FineTuning.Metrics.MetricReport report)
        {
            if (report.TryGet("spearman", out double spearman)) Assert.True(spearman > 0.6, report.ToString());
            else if (report.TryGet("accuracy", out double accuracy)) Assert.True(accuracy > 0.8, report.ToString());
            else Assert.True(report["ndcg@10"] is > 0 and <= 1, report.ToString());
        }
    }

    private static LabeledText<string>[] Topics(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            (string label, int start, int length) = (i % 3) switch { 0 => ("animal", 0, 5), 1 => ("colour", 5, 5), _ => ("weather", 15, 5) };
            string[] words = [.. Enumerable.Range(0, random.Next(2, 6)).Select(_ => TinySentences.Words[random.Next(3) == 0 ? random.Next(20, 25) : start + random.Next(length)])];
            return new LabeledText<string>($"{string.Join(' ', words)} {TinySentences.Words[start + random.Next(length)]}", label);
        })];
    }

    private static PositivePair[] Positives(LabeledText<string>[] texts) => [.. texts[3..].Select((text, i) => new PositivePair(texts[i].Text, text.Text))];

    private static TextTriple[] Triples(LabeledText<string>[] texts) => [.. texts[3..].Select((text, i) => new TextTriple(texts[i].Text, text.Text, texts[i + 1].Text) { Margin = 10 })];

    private static ScoredPair[] Scored(LabeledText<string>[] texts) => [.. Matched(texts).Select(pair => new ScoredPair(pair.First, pair.Second, pair.Similar ? 1 : 0))];

    private static MatchedPair[] Matched(LabeledText<string>[] texts) => [.. texts[4..].SelectMany((text, i) => new[] { new MatchedPair(texts[i + 1].Text, text.Text, true), new MatchedPair(texts[i].Text, text.Text, false) })];
}
