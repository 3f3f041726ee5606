using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>A thinned history: bounded, its ends exact, its smoothed loss taken over all steps.</summary>
public sealed class StepHistoryTests
{
    private static StepRecord Step(long step) => new(step, 0, Math.Sin(step), 0, 0);

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(100_001)]
    public void It_is_bounded_and_keeps_first_and_last(int count)
    {
        var history = new StepHistory();
        double mean = 0, weight = 0;
        var smoothed = new double[count];
        for (int i = 0; i < count; i++)
        {
            history.Add(Step(i + 1));
            mean = (0.9 * mean) + ((1 - 0.9) * Step(i + 1).Loss);
            weight = (0.9 * weight) + (1 - 0.9);
            smoothed[i] = mean / weight;
        }
        HistoryValues values = history.Values();
        Assert.Equal(count, values.Count);
        Assert.Equal((Step(1), Step(count)), (values.Steps[0], values.Steps[^1]));
        Assert.InRange(values.Steps.Count, Math.Min(count, StepHistory.Capacity / 2), StepHistory.Capacity);
        if (count < StepHistory.Capacity) Assert.Equal(count, values.Steps.Count);
        Assert.All(values.Steps.Zip(values.SmoothedLoss), pair => Assert.Equal(smoothed[pair.First.Step - 1], pair.Second));
        Assert.Equal(values.Steps.Select(step => step.Step).Distinct().Order(), values.Steps.Select(step => step.Step));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(4094)]
    [InlineData(9001)]
    [InlineData(20_000)]
    public void It_goes_on_from_what_was_kept(int interruption)
    {
        StepHistory whole = new(), part = new();
        for (int i = 1; i <= 25_000; i++)
        {
            whole.Add(Step(i));
            part.Add(Step(i));
            if (i == interruption) part = StepHistory.From(part.Values());
        }
        Assert.Equal(whole.Values().Steps, part.Values().Steps);
        Assert.Equal(whole.Values().SmoothedLoss, part.Values().SmoothedLoss);
    }
}
