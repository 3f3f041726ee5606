using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>What works against over-fitting does what its equation says: each against its formula, computed by hand beside it.</summary>
public sealed class RegularisingTests
{
    private const double Rate = 0.05;

    [Fact]
    public void The_starting_point_pulls_by_its_equation()
    {
        const double alpha = 0.3;
        float[] Tuned(int steps, params RunFeature[] features)
        {
            using RowsClassifier model = TinyRun.Model();
            TinyRun.Run(model, Plain(steps) with { Features = features });
            return TinyRun.Values(model);
        }
        using RowsClassifier fresh = TinyRun.Model();
        float[] start = TinyRun.Values(fresh), first = Tuned(1), second = Tuned(2);
        bool[] isHead = [.. fresh.Weights.SelectMany(weight => Enumerable.Repeat(weight.Depth >= fresh.Weights.HeadDepth, (int)weight.Value.numel()))];
        // At the start nothing pulls; after a step what was moved is pulled back.
        Assert.Equal(first, Tuned(1, new StartingPointPenalty(alpha, 0)));
        float[] pulled = Tuned(2, new StartingPointPenalty(alpha, 0));
        for (int i = 0; i < start.Length; i++)
            Assert.Equal(second[i] - (isHead[i] ? 0 : Rate * alpha * (first[i] - start[i])), pulled[i], 2e-6);
        float[] shrunk = Tuned(1, new StartingPointPenalty(0, alpha));
        for (int i = 0; i < start.Length; i++) Assert.Equal(first[i] - (isHead[i] ? Rate * alpha * start[i] : 0), shrunk[i], 2e-6);
    }

    [Fact]
    public void Mixout_keeps_each_number_or_takes_it_back_and_leaves_its_gradient_in_the_mean()
    {
        const double probability = 0.6;
        using RowsClassifier fresh = TinyRun.Model();
        float[] start = TinyRun.Values(fresh);
        float[] Tuned(int batch, params RunFeature[] features)
        {
            using RowsClassifier model = TinyRun.Model();
            TinyRun.Run(model, Plain(1) with { Features = features, BatchSize = batch, Accumulation = 8 / batch });
            return TinyRun.Values(model);
        }
        float[] plain = Tuned(8), mixed = Tuned(8, new Mixout(probability));
        Assert.Equal(plain, Tuned(8, new Mixout(0)));
        int at = 0, dropped = 0, all = 0;
        foreach (Weight weight in fresh.Weights)
        {
            bool isMixed = weight.Kind == WeightKind.Matrix && weight.Depth > 0 && weight.Depth < fresh.Weights.HeadDepth;
            for (int i = 0; i < weight.Value.numel(); i++, at++)
            {
                double own = plain[at] - start[at], move = mixed[at] - start[at];
                if (!isMixed) Assert.Equal(own, move, 1e-7);
                else if (move == 0 && own != 0) dropped++;
                else Assert.Equal(own / (1 - probability), move, 1e-6);
                if (isMixed && own != 0) all++;
            }
        }
        Assert.Equal(probability, dropped / (double)all, 0.08);
    }

    [Fact]
    public void Adversarial_embeddings_add_the_gradient_behind_a_step_against_the_model()
    {
        const double epsilon = 0.7;
        using RowsClassifier model = TinyRun.Model(), moved = TinyRun.Model(), attacked = TinyRun.Model();
        float[] start = TinyRun.Values(model);
        TinyRun.Run(model, Plain(1));
        double[] gradient = [.. TinyRun.Values(model).Zip(start, (after, before) => (before - after) / Rate)];
        Weight table = moved.Weights.Find("embeddings.token.weight")!;
        int offset = (int)moved.Weights.TakeWhile(weight => weight != table).Sum(weight => weight.Value.numel()), count = (int)table.Value.numel();
        double[] own = gradient[offset..(offset + count)];
        double norm = Math.Sqrt(own.Sum(value => value * value));
        using (no_grad()) table.Value.PlusInPlace(tensor(own.Select(value => (float)(epsilon * value / norm)).ToArray(), table.Value.shape));
        float[] from = TinyRun.Values(moved);
        TinyRun.Run(moved, Plain(1));
        double[] second = [.. TinyRun.Values(moved).Zip(from, (after, before) => (before - after) / Rate)];
        TrainingResult result = TinyRun.Run(attacked, Plain(1) with { Features = [new AdversarialEmbeddings(epsilon)] });
        float[] both = TinyRun.Values(attacked);
        for (int i = 0; i < both.Length; i++) Assert.Equal(start[i] - (Rate * (gradient[i] + second[i])), both[i], 1e-5);
        Assert.True(result.History[0].Loss > 0);
        Assert.Throws<InvalidOptionsException>(() => TinyRun.Run(TinyRun.Model(), Plain(1) with { Frozen = new WeightFilter().Embeddings(), Features = [new AdversarialEmbeddings()] }));
    }

    [Fact]
    public void Noise_is_as_wide_as_its_equation_says_and_padding_gets_none()
    {
        using var scope = NewDisposeScope();
        var noise = new EmbeddingNoise(5, new DropoutStream(1, 2, 3));
        Tensor mask = tensor(new[] { true, true, true, true, true, true, true, true, true, true, false, false }, [2, 6]);
        Tensor added = noise.Add(zeros(2, 6, 400), mask);
        for (int row = 0; row < 2; row++)
        {
            int length = row == 0 ? 6 : 4;
            double limit = 5 / Math.Sqrt(length * 400);
            float[] real = added[row].narrow(0, 0, length).flatten().data<float>().ToArray();
            Assert.All(real, value => Assert.InRange(value, -limit - 1e-6, limit + 1e-6));
            Assert.Equal(0, real.Average(), limit / 10);
            Assert.Equal(limit / Math.Sqrt(3), Math.Sqrt(real.Average(value => value * value)), limit / 20);
        }
        Assert.Equal(0, added[1].narrow(0, 4, 2).abs().max().Number());
        Assert.Equal(added.data<float>().ToArray(), noise.Add(zeros(2, 6, 400), mask).data<float>().ToArray());
        Assert.NotEqual(added.data<float>().ToArray(), noise.Layer(1).Add(zeros(2, 6, 400), mask).data<float>().ToArray());
    }

    [Fact]
    public void Noise_is_drawn_in_training_alone()
    {
        float[] Tuned(params RunFeature[] features)
        {
            using RowsClassifier model = TinyRun.Model();
            TinyRun.Run(model, Plain(2) with { Features = features });
            return TinyRun.Values(model);
        }
        Assert.NotEqual(Tuned(), Tuned(new NoisyEmbeddings()));
        Assert.All(Tuned().Zip(Tuned(new NoisyEmbeddings(1e-9))), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void Two_passes_that_agree_have_the_loss_of_the_reference()
    {
        int compared = 0;
        foreach (string text in File.ReadLines(Path.Combine(Goldens.Require("losses"), "losses.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(text);
            JsonElement line = json.RootElement;
            if (line.GetProperty("kind").GetString() != "rdrop") continue;
            compared++;
            using var scope = NewDisposeScope();
            Tensor Scores(string name)
            {
                float[][] rows = [.. line.GetProperty("inputs").GetProperty(name).EnumerateArray().Select(row => row.EnumerateArray().Select(value => value.GetSingle()).ToArray())];
                return tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length], requires_grad: true);
            }
            Tensor p = Scores("p"), q = Scores("q");
            Tensor target = tensor(line.GetProperty("inputs").GetProperty("target").EnumerateArray().Select(value => value.GetInt64()).ToArray());
            double count = p.shape[0], alpha = line.GetProperty("params").GetProperty("alpha").GetDouble();
            Tensor entropy = Losses.CrossEntropy(p, target, null, null, 0).Plus(Losses.CrossEntropy(q, target, null, null, 0)) * Held(0.5 / count);
            Tensor loss = entropy.Plus(DropoutConsistency.Divergence(p, q) * Held(alpha / count));
            Assert.Equal(line.GetProperty("outputs").GetProperty("loss").GetDouble(), loss.Number(), 1e-5);
            loss.backward();
            foreach ((string name, Tensor scores) in new[] { ("p", p), ("q", q) })
            {
                double[] expected = [.. line.GetProperty("grads").GetProperty(name).EnumerateArray().SelectMany(row => row.EnumerateArray().Select(value => value.GetDouble()))];
                Assert.All(expected.Zip(scores.grad!.data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            }
        }
        Assert.True(compared > 0, "the file has no such case");
    }

    [Fact]
    public void Two_passes_without_dropout_are_one_and_other_heads_are_refused()
    {
        string starter = Goldens.Starter;
        LabeledText<string>[] data = [.. Enumerable.Range(0, 12).Select(i => new LabeledText<string>($"the invoice number {i} is {(i % 2 == 0 ? "wrong" : "paid")}", i % 2 == 0 ? "a" : "b"))];
        float[] Tuned(double dropout, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> verb)
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(starter, new TextClassifierOptions<string> { Labels = ["a", "b"], Dropout = dropout });
            verb(FineTuner.For(model).Steps(2).BatchSize(4).WithOptimizer(Optimizer.Sgd(0.01))).Train(data);
            return [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
        }
        Assert.All(Tuned(0, tuner => tuner).Zip(Tuned(0, tuner => tuner.WithDropoutConsistency())), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        Assert.NotEqual(Tuned(0.1, tuner => tuner), Tuned(0.1, tuner => tuner.WithDropoutConsistency()));
        using TextRegressor regressor = Pretrained.TextRegressor(starter);
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(regressor).Steps(1).WithDropoutConsistency().Train([new ScoredText("x", 1)]));
    }

    [Fact]
    public void Layers_that_are_drawn_anew_are_the_highest_and_keep_their_spread()
    {
        using RowsClassifier fresh = TinyRun.Model(), drawn = TinyRun.Model();
        TinyRun.Run(drawn, Plain(1) with { Optimizer = Optimizer.Sgd(1e-12), Features = [new ReinitialisedLayers(1)] });
        foreach (Weight weight in fresh.Weights)
        {
            float[] before = weight.Value.data<float>().ToArray(), after = drawn.Weights.Find(weight.Name)!.Value.data<float>().ToArray();
            if (weight.Depth != fresh.Weights.HeadDepth - 1) Assert.All(before.Zip(after), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
            else if (weight.Kind == WeightKind.Matrix)
            {
                double Spread(float[] values) => Math.Sqrt(values.Average(value => value * value));
                Assert.NotEqual(before, after);
                Assert.Equal(1, Spread(after) / Spread(before), 0.35);
            }
        }
    }

    [Fact]
    public void Settings_out_of_range_are_reported_together_and_a_verb_replaces_itself()
    {
        using RowsClassifier model = TinyRun.Model();
        var tuner = FineTuner.For(model).WithMixout(1).WithStartingPointPenalty(-1, double.NaN).WithNoisyEmbeddings(0).WithAdversarialEmbeddings(0).WithDropoutConsistency(-1).ReinitialiseTopLayers(0);
        Assert.Equal(7, Assert.Throws<InvalidOptionsException>(() => tuner.Train(TinyRun.Data(4))).Violations.Count);
        Assert.Single(FineTuner.For(model).WithMixout(0.5).WithMixout(0.6).Options.Features);
        TrainingOptions options = FineTuner.For(model).WithMixout(0.5).WithNoisyEmbeddings().Options;
        Assert.Equal(options, TrainingOptions.FromJson(options.ToJson()));
    }

    private static TrainingOptions Plain(int steps) => new()
    {
        Steps = steps, BatchSize = 8, Optimizer = Optimizer.Sgd(Rate), Schedule = Schedule.Constant(), ClipNorm = null, KeepBest = false, Shuffle = false,
    };
}
