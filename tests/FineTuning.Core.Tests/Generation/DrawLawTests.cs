using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Draws follow the distribution: Pearson's test with fixed seeds, at a level of one in a thousand.</summary>
public sealed class DrawLawTests
{
    private const int Draws = 40_000;

    // Of 6 tokens, one of them impossible.
    private static readonly float[] Scores = [1.5f, -0.5f, 0.25f, float.NegativeInfinity, 0, -2];

    private static readonly double[] Probabilities = [.. Scores.Select(score => Math.Exp(score) / Scores.Sum(other => Math.Exp(other)))];

    [Theory]
    [InlineData("row")]
    [InlineData("step")]
    [InlineData("seed")]
    public void Tokens_come_as_often_as_they_should(string varied)
    {
        double[] counts = new double[Scores.Length];
        for (int i = 0; i < Draws; i++) counts[Stream(varied, i).Draw(Scores)]++;
        Assert.Equal(0, counts[3]);
        Assert.True(ChiSquare(counts, Probabilities) < 18.47, $"chi-square {ChiSquare(counts, Probabilities)} with 4 degrees of freedom");
    }

    [Theory]
    [InlineData("row")]
    [InlineData("step")]
    public void A_draw_says_nothing_about_the_next(string varied)
    {
        double[] counts = new double[Scores.Length * Scores.Length], expected = new double[counts.Length];
        for (int i = 0; i < Draws; i++) counts[(Stream(varied, i).Draw(Scores) * Scores.Length) + Stream(varied, i + 1).Draw(Scores)]++;
        for (int i = 0; i < expected.Length; i++) expected[i] = Probabilities[i / Scores.Length] * Probabilities[i % Scores.Length];
        Assert.True(ChiSquare(counts, expected) < 51.18, $"chi-square {ChiSquare(counts, expected)} with 24 degrees of freedom");
    }

    [Fact]
    public void Beams_are_drawn_without_replacement()
    {
        double[] counts = new double[Scores.Length * Scores.Length], expected = new double[counts.Length];
        var best = new BestCandidates(2);
        for (int i = 0; i < Draws; i++)
        {
            best.Clear();
            var stream = new DrawStream(11, 0, i);
            for (int token = 0; token < Scores.Length; token++)
            {
                if (!float.IsNegativeInfinity(Scores[token])) best.Add(new(token, Scores[token], Scores[token] + stream.Gumbel(token), 0));
            }
            ReadOnlySpan<Candidate> drawn = best.Sorted();
            counts[(drawn[0].Index * Scores.Length) + drawn[1].Index]++;
        }
        for (int one = 0; one < Scores.Length; one++)
        {
            for (int other = 0; other < Scores.Length; other++) expected[(one * Scores.Length) + other] = one == other ? 0 : Probabilities[one] * Probabilities[other] / (1 - Probabilities[one]);
        }
        Assert.True(ChiSquare(counts, expected) < 43.82, $"chi-square {ChiSquare(counts, expected)} with 19 degrees of freedom");
    }

    private static DrawStream Stream(string varied, int i) => varied switch { "row" => new(7, i, 3), "step" => new(7, 2, i), _ => new(i, 2, 3) };

    private static double ChiSquare(double[] counts, double[] probabilities) =>
        Enumerable.Range(0, counts.Length).Where(i => probabilities[i] > 0).Sum(i => Math.Pow(counts[i] - (Draws * probabilities[i]), 2) / (Draws * probabilities[i]));
}
