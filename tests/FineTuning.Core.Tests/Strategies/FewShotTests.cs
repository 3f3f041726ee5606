using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;
using FineTuning.Tests.Heads;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Pairs, the fitted head, and the whole way from a few texts to a saved classifier.</summary>
public sealed class FewShotTests
{
    private enum Kind
    {
        Animal,
        Weather,
    }

    private enum Kindred
    {
        Weather,
        ANIMAL,
    }

    [Fact]
    public void Every_text_begins_as_many_similar_as_dissimilar_pairs()
    {
        int[] labels = [0, 0, 0, 1, 1, 2, 0];
        string[] texts = [.. labels.Select((label, i) => $"{label}:{i}")];
        ScoredPair[] pairs = [.. FewShotPairs.Of(texts, labels, 4, 9)];
        Assert.All(pairs, pair => Assert.Equal(pair.First[0] == pair.Second[0] ? 1.0 : 0, pair.Score));
        Assert.All(pairs, pair => Assert.NotEqual(pair.First, pair.Second));
        foreach (string text in texts)
        {
            Assert.Equal(4, pairs.Count(pair => pair.First == text && pair.Score == 0));
            // The sixth text is alone with its label.
            Assert.Equal(text == "2:5" ? 0 : 4, pairs.Count(pair => pair.First == text && pair.Score == 1));
        }
        Assert.Equal(3, pairs.Where(pair => pair.First == "0:0" && pair.Score == 1).Select(pair => pair.Second).Distinct().Count());
        Assert.Equal(pairs, FewShotPairs.Of(texts, labels, 4, 9));
        Assert.NotEqual(pairs, FewShotPairs.Of(texts, labels, 4, 10));
    }

    [Fact]
    public void Pairs_of_many_texts_are_made_in_a_moment()
    {
        int[] labels = [.. Enumerable.Range(0, 50_000).Select(i => i % 2 == 0 ? 0 : i % 1000)];
        string[] texts = [.. labels.Select((_, i) => $"{i}")];
        Assert.InRange(FewShotPairs.Of(texts, labels, 2, 1).Count(), 150_000, 200_000);
    }

    // Wherever the collector has put the arrays: products of unaligned numbers are summed in another order.
    [Fact]
    public void The_head_is_the_same_to_the_bit_each_time()
    {
        var random = new Random(4);
        float[][] vectors = [.. Enumerable.Range(0, 60).Select(_ => Enumerable.Range(0, 5).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        int[] labels = [.. vectors.Select((vector, i) => i < 2 ? i : vector[0] > 0 ? 1 : 0)];
        double[] first = LogisticRegression.Fit(vectors, labels, 2, 1).Parameters;
        for (int round = 0; round < 200; round++)
        {
            byte[] shift = new byte[8 + (round * 8 % 64)];
            Assert.Equal(first, LogisticRegression.Fit(vectors, labels, 2, 1).Parameters);
            GC.KeepAlive(shift);
        }
    }

    [Theory]
    [InlineData(2, 1.0)]
    [InlineData(3, 0.5)]
    [InlineData(7, 20.0)]
    public void The_head_is_at_its_optimum(int classes, double fit)
    {
        var random = new Random(classes);
        float[][] vectors = [.. Enumerable.Range(0, 60).Select(_ => Enumerable.Range(0, 5).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        int[] labels = [.. vectors.Select((vector, i) => i < classes ? i : (int)(((vector[0] + 0.5) * classes) + random.NextDouble()) % classes)];
        LogisticRegression head = LogisticRegression.Fit(vectors, labels, classes, fit);
        Assert.Equal(head.Parameters, LogisticRegression.Fit(vectors, labels, classes, fit).Parameters);
        double Objective(double[] parameters)
        {
            LogisticRegression moved = LogisticRegression.Of(parameters, 5, classes);
            double loss = 0;
            for (int row = 0; row < vectors.Length; row++)
            {
                double[] scores = new double[classes];
                for (int output = 0; output < (classes == 2 ? 1 : classes); output++)
                {
                    double score = parameters[(output * 6) + 5];
                    for (int i = 0; i < 5; i++) score += parameters[(output * 6) + i] * vectors[row][i];
                    scores[classes == 2 ? 1 : output] = score;
                }
                loss += Math.Log(scores.Sum(Math.Exp)) - scores[labels[row]];
                Assert.Equal(scores[^1], moved.Logits(vectors[row])[^1], 1e-4);
            }
            return (fit * loss) + (parameters.Where((_, place) => place % 6 != 5).Sum(value => value * value) / 2);
        }
        for (int place = 0; place < head.Parameters.Length; place++)
        {
            double[] up = [.. head.Parameters], down = [.. head.Parameters];
            (up[place], down[place]) = (up[place] + 1e-4, down[place] - 1e-4);
            Assert.Equal(0, (Objective(up) - Objective(down)) / 2e-4, 2e-4 * Math.Max(1, fit));
        }
    }

    [Fact]
    public void A_few_texts_make_a_classifier_that_is_saved_and_opened_again()
    {
        string folder = TinySentences.Folder(), saved = folder + "-saved";
        try
        {
            using FewShotClassifier<Kind> model = Pretrained.FewShotClassifier(folder, new FewShotOptions<Kind> { LearningRate = 2e-3, PairsPerText = 10 });
            Assert.False(model.IsTrained);
            Assert.Throws<InvalidOperationException>(() => model.Predict("cat"));
            FewShotResult result = model.Train(Texts());
            Assert.Equal(20, result.Tuning!.Steps);
            Assert.True(result.Tuning.History.TakeLast(3).Average(step => step.Loss) < result.Tuning.History.Take(3).Average(step => step.Loss));
            Assert.Equal(1, result.TrainingAccuracy);
            Assert.Equal(Kind.Animal, model.Predict("the fish jumps").Label);
            Assert.Equal(Kind.Weather, model.Predict("wind and snow").Label);
            model.Save(saved);
            using FewShotClassifier<Kind> again = Pretrained.FewShotClassifier<Kind>(saved);
            using FewShotClassifier<string> byName = Pretrained.FewShotClassifier<string>(saved);
            using SentenceEncoder encoder = Pretrained.SentenceEncoder(saved);
            foreach (string text in TinySentences.Texts(10))
            {
                Assert.Equal(model.Predict(text).Confidence, again.Predict(text).Confidence, 1e-5);
                Assert.Equal(model.Predict(text).Label.ToString(), byName.Predict(text).Label);
                Assert.Equal(model.Encoder.Encode(text), encoder.Encode(text));
            }
            using FewShotClassifier<string> permuted = Pretrained.FewShotClassifier(saved, new FewShotOptions<string> { Labels = ["weather", "Animal"] });
            using FewShotClassifier<Kindred> kindred = Pretrained.FewShotClassifier<Kindred>(saved);
            foreach (string text in TinySentences.Texts(10))
            {
                Assert.Equal(model.Predict(text).Label.ToString(), permuted.Predict(text).Label, ignoreCase: true);
                Assert.Equal(model.Predict(text).Label.ToString(), kindred.Predict(text).Label.ToString(), ignoreCase: true);
                Assert.Equal(again.Predict(text).Confidence, permuted.Predict(text).Confidence);
            }
            string refusal = Assert.Throws<InvalidOptionsException>(() => Pretrained.FewShotClassifier(saved, new FewShotOptions<string> { Labels = ["x", "y", "z"] }).Dispose()).Message;
            Assert.Contains("Animal", refusal, StringComparison.Ordinal);
            Assert.Contains("x, y, z", refusal, StringComparison.Ordinal);
            Assert.Contains("FreshHead", refusal, StringComparison.Ordinal);
            Assert.Throws<InvalidOptionsException>(() => Pretrained.FewShotClassifier<bool>(saved).Dispose());
            using (FewShotClassifier<string> anew = Pretrained.FewShotClassifier(saved, new FewShotOptions<string> { Labels = ["x", "y", "z"], Encoder = new() { FreshHead = true } })) Assert.False(anew.IsTrained);
            File.WriteAllText(Path.Combine(saved, "few_shot_head.json"), """{"dimension":16,"id2label":{"0":"a","1":"b","2":"c"}}""");
            Assert.Throws<CheckpointException>(() => Pretrained.FewShotClassifier<string>(saved).Dispose());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            if (Directory.Exists(saved)) Directory.Delete(saved, recursive: true);
        }
    }

    [Fact]
    public void Two_trainings_are_equal_and_records_that_cannot_be_learned_from_are_named()
    {
        string folder = TinySentences.Folder();
        try
        {
            using FewShotClassifier<Kind> one = Pretrained.FewShotClassifier<Kind>(folder), other = Pretrained.FewShotClassifier<Kind>(folder);
            one.Train(Texts());
            other.Train(Texts());
            Assert.Equal(one.Predict("a bird in the rain").Confidence, other.Predict("a bird in the rain").Confidence);
            Assert.Contains("1 different labels", Assert.Throws<TrainingDataException>(() => one.Train([new("cat", Kind.Animal)])).Message, StringComparison.Ordinal);
            Assert.Contains("record 16", Assert.Throws<TrainingDataException>(() => one.Train([.. Texts(), new("cat", Kind.Animal) { Pair = "dog" }])).Message, StringComparison.Ordinal);
            Assert.Contains("BatchSize", Assert.Throws<InvalidOptionsException>(() => Pretrained.FewShotClassifier(folder, new FewShotOptions<Kind> { BatchSize = 0 }).Dispose()).Message, StringComparison.Ordinal);
            using var cancelled = new CancellationTokenSource();
            cancelled.Cancel();
            Assert.Throws<OperationCanceledException>(() => one.Train(Texts(), cancelled.Token));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static LabeledText<Kind>[] Texts() =>
    [
        .. new[] { "the cat sleeps", "a dog runs", "bird sings", "a fish eats", "the horse jumps", "dog and cat", "a bird eats the fish", "horse runs" }.Select(text => new LabeledText<Kind>(text, Kind.Animal)),
        .. new[] { "rain in the storm", "snow", "the sun", "wind on the storm", "sun over snow", "a rain", "wind", "the storm and the rain" }.Select(text => new LabeledText<Kind>(text, Kind.Weather)),
    ];
}
