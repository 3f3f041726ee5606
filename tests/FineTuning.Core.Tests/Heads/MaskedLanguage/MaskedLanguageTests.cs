using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Packing, the loss at masked places, training, saving and what is refused.</summary>
public sealed class MaskedLanguageTests
{
    private static readonly string Starter = Goldens.Starter;

    private static readonly string[] Texts =
    [
        .. Enumerable.Range(0, 40).Select(i => string.Join(' ', Enumerable.Range(0, 3 + (i * 5 % 29)).Select(j => new[] { "please", "reset", "my", "password", "the", "invoice", "is", "wrong", "again", "unbelievable" }[(i + (j * j)) % 10]))),
        "", "   ", "order",
    ];

    [Theory]
    [InlineData(TextPacking.Windows, 16)]
    [InlineData(TextPacking.Windows, 9)]
    [InlineData(TextPacking.Windows, 3)]
    [InlineData(TextPacking.Lines, 12)]
    [InlineData(TextPacking.Lines, 64)]
    public void Rows_hold_every_token_once_in_its_order(TextPacking packing, int length)
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { Packing = packing, MaximumLength = length });
        RowSet rows = RowSet.Encode(model, Texts, "data", null, CancellationToken.None);
        PretrainedTokenizer tokenizer = model.Tokenizer;
        int[] expected = [.. Texts.SelectMany(text => tokenizer.Encode(text, null, new TokenizingOptions { AddSpecialTokens = false }).Ids)];
        int[] found = [.. rows.Rows.Cast<MaskableRow>().SelectMany(row => row.TokenIds.Where(id => id != tokenizer.ClassifierId && id != tokenizer.SeparatorId))];
        Assert.Equal(expected, found);
        Assert.All(rows.Rows.Cast<MaskableRow>(), row =>
        {
            Assert.True(row.Length <= length);
            Assert.Equal(tokenizer.ClassifierId, row.TokenIds[0]);
            Assert.Equal(tokenizer.SeparatorId, row.TokenIds[^1]);
            Assert.Equal(row.TokenIds.Select(tokenizer.IsSpecial), row.Units.Select(unit => unit < 0));
        });
        Assert.Equal(2, rows.Report.EmptyTexts);
        Assert.Equal(Enumerable.Range(0, rows.Rows.Count), rows.Rows.Cast<MaskableRow>().Select(row => row.Row));
        if (packing == TextPacking.Windows) Assert.All(rows.Rows.SkipLast(1), row => Assert.InRange(row.Length, length - 1, length));
    }

    [Fact]
    public void Texts_in_a_window_are_separated_and_share_no_word()
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 64 });
        RowSet rows = RowSet.Encode(model, ["please", "please", "the order"], "data", null, CancellationToken.None);
        var row = (MaskableRow)Assert.Single(rows.Rows);
        int separator = model.Tokenizer.SeparatorId!.Value;
        Assert.Equal(3, row.TokenIds.Count(id => id == separator));
        int[][] texts = [.. Split(row, separator)];
        Assert.Equal(3, texts.Length);
        Assert.Equal(texts.Sum(text => text.Distinct().Count()), texts.SelectMany(text => text).Distinct().Count());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_loss_at_masked_places_is_that_over_all_logits(bool wholeWords)
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 20, WholeWords = wholeWords, Packing = TextPacking.Lines });
        RowSet rows = RowSet.Encode(model, Texts, "data", null, CancellationToken.None);
        using var scope = NewDisposeScope();
        var batch = (MaskedBatch)model.Collate(rows.Rows, 20, new BatchMoment(5, 2));
        Tensor loss = model.SumLoss(batch, ForwardContext.Evaluation());
        Tensor labels = torch.full([rows.Rows.Count * 20], Held(-100), ScalarType.Int64);
        labels.index_put_(batch.Targets(CPU), TensorIndex.Tensor(batch.Positions(CPU)));
        Tensor full = model.Head.Logits(batch.Input, ForwardContext.Evaluation());
        Tensor reference = nn.functional.cross_entropy(full.reshape(-1, full.shape[2]), labels, ignore_index: -100, reduction: nn.Reduction.Sum);
        Assert.Equal(reference.item<float>(), loss.item<float>(), 1e-3 * reference.item<float>() / 100);
        loss.backward();
        Tensor own = model.Weights[0].Value.grad!.clone();
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        nn.functional.cross_entropy(model.Head.Logits(batch.Input, ForwardContext.Evaluation()).reshape(-1, full.shape[2]), labels, ignore_index: -100, reduction: nn.Reduction.Sum).backward();
        Assert.True((own - model.Weights[0].Value.grad!).abs().max().item<float>() < 1e-3);
    }

    [Fact]
    public void Training_lowers_the_perplexity_and_evaluations_always_see_the_same_masks()
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 32, Dropout = 0 });
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 3e-3)).Epochs(12).BatchSize(4).ValidateOn(Texts).Train(Texts);
        double before = result.Evaluations[0].Metrics["perplexity"], after = result.Metrics!["perplexity"];
        Assert.True(after < before / 2, $"{before} before, {after} after");
        RowSet rows = RowSet.Encode(model, Texts, "data", null, CancellationToken.None);
        Assert.Equal(after, Evaluator.Evaluate(model, rows, new EvaluationWatch(CancellationToken.None))!["perplexity"], 1e-6 * after);
        Assert.Equal(Math.Exp(result.Metrics["loss"]), after, 1e-9 * after);
    }

    [Fact]
    public void What_is_saved_answers_alike_and_has_no_fresh_weight()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"masked-{Guid.NewGuid():N}");
        try
        {
            using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter);
            Assert.NotEmpty(model.Head.LoadReport.Fresh);
            model.Save(folder);
            using MaskedLanguageModel loaded = Pretrained.MaskedLanguageModel(folder);
            Assert.Empty(loaded.Head.LoadReport.Fresh);
            const string text = "please [MASK] my password";
            Assert.Equal(model.Predict(text).Masks[0].Candidates, loaded.Predict(text).Masks[0].Candidates);
            Assert.Contains("BertForMaskedLM", File.ReadAllText(Path.Combine(folder, "config.json")), StringComparison.Ordinal);
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Spans_of_masks_are_those_of_the_text()
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter);
        const string text = "please [MASK] my  [MASK]!";
        FilledText filled = model.Predict(text, new FillOptions { Count = 1 });
        Assert.Equal(["[MASK]", "[MASK]"], filled.Masks.Select(mask => text[mask.Start..mask.End]));
        Assert.All(filled.Masks, mask => Assert.Single(mask.Candidates));
    }

    [Fact]
    public void What_cannot_be_is_refused_in_plain_words()
    {
        InvalidOptionsException wrong = Assert.Throws<InvalidOptionsException>(() => Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { Probability = 0, MaskedShare = 0.9, RandomShare = 0.2 }));
        Assert.Equal(2, wrong.Violations.Count);
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter);
        Assert.Contains("[MASK]", Assert.Throws<ArgumentException>(() => model.Predict("nothing hidden")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => model.Predict("[MASK]", new FillOptions { Targets = [] }));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Predict("[MASK]", new FillOptions { Count = 0 }));
        Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train(["", "  "]));
    }

    private static IEnumerable<int[]> Split(MaskableRow row, int separator)
    {
        var units = new List<int>();
        for (int i = 1; i < row.Length; i++)
        {
            if (row.TokenIds[i] != separator) units.Add(row.Units[i]);
            else
            {
                yield return [.. units];
                units.Clear();
            }
        }
    }
}
