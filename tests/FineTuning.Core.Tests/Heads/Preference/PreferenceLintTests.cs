using FineTuning.Examples;
using FineTuning.Heads;
using Xunit;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>What is found in preference pairs, in whatever order they come.</summary>
public sealed class PreferenceLintTests
{
    private static readonly PreferencePair[] Pairs =
    [
        new("a", "long answer", "short"), new("a", "short", "long answer"), new("a", "long answer", "short"), new("b", "same", "same"), new("c", "yes", "no"), new("d", "yes", "no"),
        new("c", "no", "yes"), new("c", "no", "yes"), new("ab", "c", "d"), new("a", "bc", "d"),
    ];

    [Fact]
    public void Identical_repeated_and_contradicting_pairs_are_counted()
    {
        PreferenceLintReport found = PreferenceLint.Of(Pairs);
        Assert.Equal(10, found.Pairs);
        Assert.Equal(1, found.Identical);
        Assert.Equal(2, found.Repeated);
        Assert.Equal(6, found.Contradicting);
    }

    [Fact]
    public void The_order_of_the_pairs_changes_nothing()
    {
        var random = new Random(2);
        PreferenceLintReport expected = PreferenceLint.Of(Pairs);
        for (int round = 0; round < 50; round++)
        {
            PreferencePair[] turned = [.. Pairs];
            random.Shuffle(turned);
            Assert.Equal(expected, PreferenceLint.Of(turned));
        }
    }

    [Fact]
    public void Length_bias_is_the_share_of_longer_chosen_ones()
    {
        PreferenceLintReport found = PreferenceLint.Of([new("a", "longer", "s"), new("b", "longer", "s"), new("c", "s", "longer"), new("d", "x", "y")]);
        Assert.Equal(2.0 / 3, found.LongerChosenShare, 1e-12);
        Assert.Equal((6 + 6 + 1 + 1) / 4.0, found.MeanChosenLength);
        Assert.True(double.IsNaN(PreferenceLint.Of([new("a", "x", "y")]).LongerChosenShare));
    }
}
