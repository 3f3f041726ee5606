using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Strategies;

/// <summary>Language models that keep what they gave before: distilled from their old weights, replayed, and measured by perplexity.</summary>
public sealed class TaughtWordsTests
{
    private static readonly string[] Words = ["the", "invoice", "was", "paid", "late", "again", "and", "my", "order", "never", "came"];
    private static readonly string[] Texts = [.. Enumerable.Range(0, 24).Select(i => string.Join(' ', Enumerable.Range(0, 9 + (i % 4)).Select(j => Words[(i + (j * (1 + (i % 3)))) % Words.Length])))];
    private static readonly string[] Old = ["a film about a dog", "two old friends meet again", "rain fell on the town", "she reads a letter", "he went home", "it was a long day"];

    public static TheoryData<string> Kinds => new("decoder", "encoder", "both");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Loss_and_gradients_are_those_of_a_second_model_with_the_old_weights(string kind)
    {
        const double share = 0.3, temperature = 2;
        using IWriter writer = Open(kind), teacher = Open(kind);
        using var scope = NewDisposeScope();
        (TunableModel model, IWordHead words) = (writer.Model, writer.Model.Words!);
        using var old = new OldWeights([("new", model)], new WeightFilter());
        old.Keep();
        random.manual_seed(3);
        using (no_grad())
        {
            foreach (Weight weight in model.Weights) weight.Value.add_(randn_like(weight.Value), Held(0.02));
        }
        float[] moved = Values(model);
        using var view = new TaughtWords(model, old, share, temperature);
        Batch batch = writer.Batch();
        // More than one chunk of scores.
        Assert.True(batch.TargetCount > LinearTargets.TokensAtOnce, $"{batch.TargetCount} targets");
        double sum = view.AddGradients(batch, ForwardContext.Evaluation());
        Tensor[] gradients = [.. model.Weights.Select(weight => weight.Value.grad!.clone())];
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        Assert.Equal(moved, Values(model));

        Tensor theirs;
        using (no_grad()) theirs = Scores(teacher.Model.Words!, teacher.Batch()).div(Held(temperature)).softmax(-1);
        Tensor logs = Scores(words, batch).div(Held(temperature)).log_softmax(-1);
        Tensor apart = (theirs * (theirs.log() - logs)).sum(-1);
        if (words.Weights(batch) is { } counts) apart = apart * counts;
        Tensor expected = (model.SumLoss(batch, ForwardContext.Evaluation()) * Held(1 - share)).Plus(apart.sum() * Held(share * temperature * temperature));
        expected.backward();
        Assert.Equal(1, sum / expected.Number(), 1e-5);
        foreach ((Weight weight, Tensor gradient) in model.Weights.Zip(gradients))
        {
            double largest = weight.Value.grad!.abs().max().Number();
            Assert.True((gradient - weight.Value.grad!).abs().max().Number() <= 1e-5 + (2e-4 * largest), weight.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_distilled_alone_begins_without_loss_in_any_precision_and_a_share_holds(string kind)
    {
        using (IWriter writer = Open(kind))
        {
            using var scope = NewDisposeScope();
            using var old = new OldWeights([("new", writer.Model)], new WeightFilter());
            old.Keep();
            using var view = new TaughtWords(writer.Model, old, 1, 2);
            foreach (Precision precision in Enum.GetValues<Precision>())
                Assert.Equal(0, view.SumLoss(writer.Batch(), ForwardContext.Evaluation(precision)).Number() / writer.Batch().TargetCount, 1e-6);
        }
        double Moved(double share)
        {
            using IWriter writer = Open(kind);
            float[] before = Values(writer.Model);
            ContinuedResult result = writer.Train(o => o with { Steps = 6 }, new(Distilled: share));
            if (share == 1) Assert.Equal(0, result.Run.History[0].Loss, 1e-5);
            return Values(writer.Model).Zip(before).Max(pair => Math.Abs(pair.First - pair.Second));
        }
        double free = Moved(0), held = Moved(0.9), fixedAll = Moved(1);
        Assert.True(free > 1e-3 && held < free && fixedAll < 1e-5, $"{free} {held} {fixedAll}");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_protected_run_says_the_perplexity_of_kept_texts_before_and_after_and_along_the_line(string kind)
    {
        using IWriter writer = Open(kind), untouched = Open(kind);
        ContinuedResult result = writer.Train(o => o with { Epochs = 2, Optimizer = Optimizer.AdamW(2e-3) }, new(Replay: 0.3, Distilled: 0.3), atRecommended: true);
        KeptScore kept = result["old"];
        Assert.Equal("perplexity", kept.Metric);
        Assert.Equal(untouched.Measure(), kept.Before["perplexity"], 1e-9);
        Assert.Equal(kept.After["perplexity"] - kept.Before["perplexity"], kept.Forgotten, 1e-12);
        Assert.Equal(11, result.Curve.Count);
        Assert.Equal(kept.Before["perplexity"], result.Curve[0].Kept[0], 1e-12);
        Assert.Equal(kept.After["perplexity"], result.Curve[^1].Kept[0], 1e-12);
        Assert.Equal(result.Recommended!.Kept[0], writer.Measure(), 1e-9);
        Assert.Equal("perplexity", result.Gained.Metric);
        Assert.Equal(result.Run.Options, TrainingOptions.FromJson(result.Run.Options.ToJson()));
    }

    [Theory]
    [InlineData("decoder")]
    [InlineData("both")]
    public void Accumulated_equals_whole(string kind)
    {
        float[] Tuned(int batch)
        {
            using IWriter writer = Open(kind);
            writer.Train(o => o with { Steps = 2, BatchSize = batch, Accumulation = 8 / batch, Shuffle = false }, new(Distilled: 0.4));
            return Values(writer.Model);
        }
        Assert.All(Tuned(2).Zip(Tuned(8)), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_run_that_was_stopped_goes_on_to_the_same_bits(string kind)
    {
        string folder = Directory.CreateTempSubdirectory("kept").FullName;
        float[] Tuned(string own, long? stop)
        {
            using IWriter writer = Open(kind);
            writer.Train(o => o with { Steps = 6 }, new(Replay: 0.3, Distilled: 0.5), checkpoints: Path.Combine(folder, own), stop: stop);
            return Values(writer.Model);
        }
        float[] whole = Tuned("whole", null);
        Assert.NotEqual(whole, Tuned("parts", 3));
        Assert.Equal(whole, Tuned("parts", null));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_old_weights_are_part_of_the_state()
    {
        // A run that goes on in the model that it has moved is taught what was there before it moved, not what is there now.
        using IWriter writer = Open("decoder"), whole = Open("decoder");
        string folder = Directory.CreateTempSubdirectory("kept").FullName;
        whole.Train(o => o with { Steps = 6 }, new(Distilled: 0.5));
        writer.Train(o => o with { Steps = 6 }, new(Distilled: 0.5), checkpoints: folder, stop: 3);
        writer.Train(o => o with { Steps = 6 }, new(Distilled: 0.5), checkpoints: folder);
        Assert.Equal(Values(whole.Model), Values(writer.Model));
        Directory.Delete(folder, recursive: true);
    }

    private static Tensor Scores(IWordHead words, Batch batch) => words.Head.Score(words.States(batch, ForwardContext.Evaluation()), ForwardContext.Evaluation());

    private static float[] Values(TunableModel model) => [.. model.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];

    private static IWriter Open(string kind) => kind switch
    {
        "decoder" => new Writer<PromptCompletion>(Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"), new LanguageModelOptions { Dropout = 0 }),
            text => new PromptCompletion("", text) { Weight = 1 + (text.Length % 2) }),
        "encoder" => new Writer<string>(Pretrained.MaskedLanguageModel(Goldens.Require("pipelines", "bert-mask"),
            new MaskedLanguageOptions { Dropout = 0, Probability = 0.6 }), text => text),
        _ => new Writer<SourceTarget>(Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"), new TextToTextOptions { Dropout = 0 }),
            text => new SourceTarget(text[..(text.Length / 2)], text) { Weight = 1 + (text.Length % 2) }),
    };

    /// <summary>A language model with data, whatever it learns from.</summary>
    private interface IWriter : IDisposable
    {
        TunableModel Model { get; }

        Batch Batch();

        double Measure();

        ContinuedResult Train(Func<TrainingOptions, TrainingOptions> recipe, ContinuedTraining protection, bool atRecommended = false, string? checkpoints = null,
            long? stop = null);
    }

    private sealed class Writer<TExample>(TunableModel<TExample> model, Func<string, TExample> make) : IWriter
    {
        public TunableModel Model => model;

        public Batch Batch()
        {
            RowSet rows = RowSet.Encode(model, Texts.Select(make), "data", null, default);
            return model.Collate(rows.Rows, rows.Lengths.Max(), new BatchMoment(1, 0));
        }

        public double Measure() => model.Evaluate(Old.Select(make))["perplexity"];

        public ContinuedResult Train(Func<TrainingOptions, TrainingOptions> recipe, ContinuedTraining protection, bool atRecommended, string? checkpoints, long? stop)
        {
            using var source = new CancellationTokenSource();
            FineTuner<TExample> tuner = FineTuner.For(model).ValidateOn(Texts[16..].Select(make)).With(o => o with
                { BatchSize = 4, KeepBest = false, Optimizer = Optimizer.Sgd(0.05), Schedule = Schedule.Constant() }).With(recipe);
            if (checkpoints is not null) tuner = tuner.CheckpointTo(checkpoints, every: 1).Resume();
            tuner = tuner.OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Training && progress.Step == stop) source.Cancel();
            });
            ContinuedTuner<TExample> kept = tuner.Keeping("old", model, Old.Select(make), Old.Select(make));
            if (protection.Replay > 0) kept = kept.WithReplay(protection.Replay);
            if (protection.Distilled > 0) kept = kept.WithDistillation(protection.Distilled);
            if (atRecommended) kept = kept.AtRecommendedPoint();
            return kept.Train(Texts[..16].Select(make), source.Token);
        }

        public void Dispose() => model.Dispose();
    }
}
