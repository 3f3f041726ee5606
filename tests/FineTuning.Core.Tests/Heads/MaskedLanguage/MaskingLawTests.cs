using FineTuning.Heads;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>What holds of masks whatever the text: shares, repeatability, whole words, untouched special tokens.</summary>
public sealed class MaskingLawTests
{
    private const int MaskId = 4;
    private static readonly int[] Ordinary = [.. Enumerable.Range(10, 90)];
    private static readonly BatchMoment First = new(7, 0);

    [Theory]
    [InlineData(true, 0.15, 0.8, 0.1)]
    [InlineData(false, 0.15, 0.8, 0.1)]
    [InlineData(false, 0.4, 0.5, 0.5)]
    [InlineData(true, 0.3, 1, 0)]
    [InlineData(true, 0.2, 0, 0)]
    public void Shares_are_those_of_the_options(bool words, double probability, double masked, double random)
    {
        var masking = new TokenMasking(new MaskedLanguageOptions { Probability = probability, MaskedShare = masked, RandomShare = random }, MaskId, Ordinary);
        double tokens = 0, predicted = 0, hidden = 0, replaced = 0, kept = 0;
        for (int place = 0; place < 200; place++)
        {
            MaskableRow row = Row(500, words ? 3 : 1, place);
            int[] shown = masking.Apply(row, First, out List<int> places);
            tokens += 500;
            predicted += places.Count;
            foreach (int i in places)
            {
                if (shown[i] == MaskId) hidden++;
                else if (shown[i] == row.TokenIds[i]) kept++;
                else replaced++;
            }
        }
        Assert.Equal(probability, predicted / tokens, 0.01);
        Assert.Equal(masked, hidden / predicted, 0.02);
        // A random token is the very same once in ninety times.
        Assert.Equal(random * 89 / 90, replaced / predicted, 0.02);
        Assert.Equal(1 - masked - (random * 89 / 90), kept / predicted, 0.02);
    }

    [Fact]
    public void The_same_seed_epoch_and_row_give_the_same_masks_and_others_give_others()
    {
        var masking = new TokenMasking(new MaskedLanguageOptions(), MaskId, Ordinary);
        int[] Masks(int place, BatchMoment moment) => masking.Apply(Row(300, 2, place), moment, out _);
        Assert.Equal(Masks(3, First), Masks(3, First));
        Assert.NotEqual(Masks(3, First), Masks(3, new BatchMoment(First.Seed, 1)));
        Assert.NotEqual(Masks(3, First), Masks(3, new BatchMoment(8, First.Epoch)));
        Assert.NotEqual(Masks(3, First), Masks(4, First));
    }

    [Fact]
    public void Special_tokens_are_never_masked_and_never_drawn_and_nothing_else_is_touched()
    {
        var masking = new TokenMasking(new MaskedLanguageOptions { Probability = 0.9 }, MaskId, Ordinary);
        for (int place = 0; place < 50; place++)
        {
            MaskableRow row = Row(60, 1, place);
            int[] shown = masking.Apply(row, First, out List<int> predicted);
            Assert.All(predicted, i => Assert.True(row.Units[i] >= 0));
            for (int i = 0; i < shown.Length; i++)
            {
                if (row.Units[i] < 0 || !predicted.Contains(i)) Assert.Equal(row.TokenIds[i], shown[i]);
                else Assert.True(shown[i] == MaskId || Ordinary.Contains(shown[i]));
            }
        }
    }

    [Fact]
    public void Words_are_masked_whole()
    {
        var masking = new TokenMasking(new MaskedLanguageOptions { Probability = 0.3 }, MaskId, Ordinary);
        for (int place = 0; place < 50; place++)
        {
            MaskableRow row = Row(120, 4, place);
            masking.Apply(row, First, out List<int> predicted);
            var units = predicted.Select(i => row.Units[i]).ToHashSet();
            Assert.Equal(Enumerable.Range(0, row.Length).Where(i => units.Contains(row.Units[i])), predicted);
        }
    }

    [Fact]
    public void A_row_always_teaches_something_unless_nothing_may_be_masked()
    {
        var masking = new TokenMasking(new MaskedLanguageOptions { Probability = 1e-9 }, MaskId, Ordinary);
        masking.Apply(Row(9, 3, 0), First, out List<int> predicted);
        Assert.Equal(3, predicted.Count);
        masking.Apply(new MaskableRow([2, 3], [-1, -1], 0, 0), First, out predicted);
        Assert.Empty(predicted);
    }

    /// <summary>[CLS], words of so many tokens, [SEP].</summary>
    private static MaskableRow Row(int tokens, int wordLength, int place) => new(
        [2, .. Enumerable.Range(0, tokens).Select(i => Ordinary[((i * 7) + place) % Ordinary.Length]), 3],
        [-1, .. Enumerable.Range(0, tokens).Select(i => i / wordLength), -1], place, 1);
}
