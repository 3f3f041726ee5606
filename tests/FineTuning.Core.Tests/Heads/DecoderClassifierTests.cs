using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Decoders score a sequence at its last token by the mask.</summary>
public sealed class DecoderClassifierTests
{
    public static TheoryData<string> Folders() => PipelineFolders.With("sequence-classification-forward");

    /// <summary>Where the text itself does not end in the padding id, the reference reads the same token; where it does, the reference reads an earlier one, and we do not.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Scores_are_the_references_wherever_it_reads_the_last_token(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead model = OutputHead.Load(folder, HeadKind.SequenceClassification, OutputHead.ReadLabels(folder).Count);
        int compared = 0, earlier = 0;
        foreach (JsonElement test in PipelineFolders.Cases(folder, "sequence-classification-forward"))
        {
            if (test.TryGetProperty("error", out _)) continue;
            JsonElement inputs = test.GetProperty("inputs");
            Tensor? Rows(string key) => inputs.TryGetProperty(key, out JsonElement rows) && rows.ValueKind == JsonValueKind.Array
                ? stack([.. rows.EnumerateArray().Select(row => tensor(row.EnumerateArray().Select(id => id.GetInt64()).ToArray()))]) : null;
            Tensor ids = Rows("input_ids")!;
            Tensor mask = (Rows("attention_mask") ?? ones_like(ids)).to(ScalarType.Bool);
            // The reference counts over padding where it is given no positions.
            Tensor positions = Rows("position_ids") ?? Range(0, ids.shape[1]).unsqueeze(0).expand(ids.shape[0], -1);
            Tensor found = model.Logits(new(ids, null, mask) { Positions = positions }, ForwardContext.Evaluation());
            int row = 0;
            foreach (JsonElement expected in test.GetProperty("expected").EnumerateArray())
            {
                long last = Last(mask[row]);
                bool same = last == Last(ids[row].ne(Held(model.Trunk.Plan.PadTokenId!.Value)));
                Tensor logits = tensor(expected.EnumerateArray().Select(value => value.GetSingle()).ToArray());
                bool near = (found[row] - logits).abs().max().item<float>() <= 1e-4 * Math.Max(1, logits.abs().max().item<float>());
                if (same) Assert.True(near, $"case {test.GetProperty("id")}, row {row}: [{string.Join(", ", found[row].data<float>())}] instead of {expected}");
                (compared, earlier) = same ? (compared + 1, earlier) : (compared, earlier + 1);
                row++;
            }
        }
        Assert.True(compared > 0, $"{earlier} rows end in the padding id, and no other row was found");
    }

    /// <summary>An encoder-decoder's classifier reads a text on both sides: neither where it is padded nor the batch around it changes its scores.</summary>
    [Fact]
    public void A_text_on_both_sides_is_scored_alike_wherever_it_is_padded()
    {
        string folder = Goldens.Require("models", "bart", "seqcls");
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead model = OutputHead.Load(folder, HeadKind.SequenceClassification, 3);
        Tensor text = tensor(new long[] { 0, 64, 2, 34, 16, 2 }, [1, 6]), alone = model.Logits(new(text), ForwardContext.Evaluation());
        Tensor left = nn.functional.pad(text, [5, 0], PaddingModes.Constant, 1), right = nn.functional.pad(text, [0, 5], PaddingModes.Constant, 1);
        Tensor fromLeft = model.Logits(new(left, null, Range(0, 11).ge(Held(5)).unsqueeze(0)), ForwardContext.Evaluation());
        Tensor fromRight = model.Logits(new(right, null, Range(0, 11).lt(Held(6)).unsqueeze(0)), ForwardContext.Evaluation());
        Assert.True((alone - fromLeft).abs().max().item<float>() < 1e-5);
        Assert.True((alone - fromRight).abs().max().item<float>() < 1e-5);
        // The last of two end tokens is read, and where there is none, the last token.
        Assert.Equal([5L], new TrunkInput(text).LastIndicesOf(2).data<long>().ToArray());
        Assert.Equal([2L], new TrunkInput(tensor(new long[] { 0, 9, 2, 9, 9 }, [1, 5])).LastIndicesOf(2).data<long>().ToArray());
        Assert.Equal([4L], new TrunkInput(tensor(new long[] { 0, 9, 9, 9, 9 }, [1, 5])).LastIndicesOf(2).data<long>().ToArray());
    }

    /// <summary>Heads that are trained on decoders and on BART learn, and answer after saving as before.</summary>
    [Theory]
    [InlineData("gpt2-classify")]
    [InlineData("llama-classify")]
    [InlineData("bart-nli")]
    public void Classifiers_learn_on_them(string name)
    {
        string folder = Goldens.Require("pipelines", name), saved = Directory.CreateTempSubdirectory().FullName;
        try
        {
            LabeledText<bool>[] train = [.. Enumerable.Range(0, 24).Select(i => new LabeledText<bool>(i % 2 == 0 ? $"good news {i}" : $"a sad day {i}", i % 2 == 0))];
            double before, after;
            using (TextClassifier<bool> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<bool> { FreshHead = true }))
            {
                FineTuner.For(model).Epochs(20).With(options => options with { Optimizer = options.Optimizer with { LearningRate = 5e-3 } }).Train(train);
                Assert.True(model.Predict("good news 99").Label);
                Assert.False(model.Predict("a sad day 99").Label);
                before = model.Predict("good news 99").Scores[0].Score;
                model.Save(saved);
            }
            using (TextClassifier<bool> again = Pretrained.TextClassifier<bool>(saved)) after = again.Predict("good news 99").Scores[0].Score;
            Assert.Equal(before, after, 6);
        }
        finally
        {
            Directory.Delete(saved, recursive: true);
        }
    }

    [Theory]
    [InlineData("gpt2-classify")]
    [InlineData("llama-classify")]
    public void Taggers_learn_on_decoders(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        using TokenClassifier model = Pretrained.TokenClassifier(folder, ["CITY"], new TokenClassifierOptions { FreshHead = true });
        TaggedText[] train = [.. new[] { "Rome", "Oslo", "Lima" }.SelectMany(city => new[]
        {
            new AnnotatedText($"in {city} now", [new("CITY", 3, 3 + city.Length)]), new AnnotatedText($"we like {city}", [new("CITY", 8, 8 + city.Length)]),
        })];
        FineTuner.For(model).Epochs(40).With(options => options with { Optimizer = options.Optimizer with { LearningRate = 5e-3 } }).Train(train);
        Assert.Equal("Rome", Assert.Single(model.Predict("in Rome now")).Text);
    }

    private static int Last(Tensor flags) => Array.LastIndexOf(flags.data<bool>().ToArray(), true);
}
