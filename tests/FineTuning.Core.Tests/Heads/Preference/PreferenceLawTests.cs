using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tests.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>What holds of every loss over pairs, whatever the numbers.</summary>
public sealed class PreferenceLawTests
{
    private const int Pairs = 5, Tokens = 6;

    public static TheoryData<string> Names => [.. All.Keys];

    private static Dictionary<string, PreferenceLoss<PreferencePair>> All { get; } = new()
    {
        ["dpo"] = PreferenceLoss.Dpo(),
        ["dpo smoothed"] = PreferenceLoss.Dpo(0.3, 0.2),
        ["dpo forward"] = PreferenceLoss.Dpo(0.3, 0.2, PolicyDivergence.ForwardKullbackLeibler),
        ["dpo jensen-shannon"] = PreferenceLoss.Dpo(0.3, 0, PolicyDivergence.JensenShannon),
        ["dpo alpha"] = PreferenceLoss.Dpo(0.3, 0, PolicyDivergence.Alpha, 0.5),
        ["normalized"] = PreferenceLoss.NormalizedDpo(0.7),
        ["ipo"] = PreferenceLoss.Ipo(),
        ["robust"] = PreferenceLoss.Robust(),
        ["exo"] = PreferenceLoss.Exo(),
        ["discopop"] = PreferenceLoss.DiscoPop(0.4, 0.5),
        ["nca"] = PreferenceLoss.Nca(),
        ["bco"] = PreferenceLoss.Bco(),
        ["sppo"] = PreferenceLoss.Sppo(),
        ["aot"] = PreferenceLoss.Aot(0.3, 0.1),
        ["aot unpaired"] = PreferenceLoss.AotUnpaired(),
        ["apo zero"] = PreferenceLoss.ApoZero(),
        ["apo down"] = PreferenceLoss.ApoDown(),
        ["cpo"] = PreferenceLoss.Cpo(),
        ["cpo identity"] = PreferenceLoss.CpoIdentity(),
        ["simpo"] = PreferenceLoss.SimPo(),
        ["alphapo"] = PreferenceLoss.SimPo(2, 0.5, 0.1, 0.25, 0.5),
        ["orpo"] = PreferenceLoss.Orpo(),
        ["likelihood"] = PreferenceLoss.Likelihood(),
        ["combined"] = PreferenceLoss.Combined((PreferenceLoss.Dpo(), 0.5), (PreferenceLoss.Likelihood(), 2)),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Its_gradient_is_that_of_its_formula(string name)
    {
        using var scope = NewDisposeScope();
        Tensor logs = Logs(1).requires_grad_(true);
        GradientCheck.Check(() => ((PairLoss)All[name]).PerPair(Scores(logs)).sum(), [("logs", logs)]);
    }

    [Fact]
    public void Gradients_of_labelled_completions_and_of_rewards_are_those_of_their_formulas()
    {
        using var scope = NewDisposeScope();
        Tensor own = Logs(2).sum(1).requires_grad_(true), reference = Reference(), desirable = tensor(new double[] { 1, 0, 1, 1, 0, 0, 1, 0, 1, 0 });
        // The shift has no gradient: it is the same at every step of the differences.
        var scores = new UnpairedScores(own, reference, desirable, reference.Plus(0.4), reference);
        GradientCheck.Check(() => ((UnpairedLoss)PreferenceLoss.Kto(0.3, 1.2, 0.7)).PerRow(scores).sum(), [("logs", own)]);
        GradientCheck.Check(() => ((UnpairedLoss)PreferenceLoss.ApoZeroUnpaired(0.3)).PerRow(scores).sum(), [("logs", own)]);
        Tensor chosen = Logs(3).sum(1).requires_grad_(true), rejected = Logs(4).sum(1).requires_grad_(true);
        GradientCheck.Check(() => RewardLoss.PerPair(chosen, rejected, desirable, 0.1).sum(), [("chosen", chosen), ("rejected", rejected)]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Tokens_outside_the_completions_change_nothing(string name)
    {
        using var scope = NewDisposeScope();
        Tensor logs = Logs(1), other = logs.masked_fill(Mask().eq(Held(0)), Held(double.NegativeInfinity));
        Assert.Equal(((PairLoss)All[name]).PerPair(Scores(logs)).data<double>().ToArray(), ((PairLoss)All[name]).PerPair(Scores(other)).data<double>().ToArray());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_order_of_the_pairs_changes_nothing(string name)
    {
        using var scope = NewDisposeScope();
        Tensor order = tensor(new long[] { 3, 1, 4, 0, 2 }), both = cat([order, order.Plus((long)Pairs)], 0), logs = Logs(1);
        double plain = ((PairLoss)All[name]).PerPair(Scores(logs)).mean().item<double>();
        double turned = ((PairLoss)All[name]).PerPair(PreferenceScores.Of(logs.index_select(0, both), Mask().index_select(0, both), Reference().index_select(0, both))).mean().item<double>();
        Assert.Equal(plain, turned, 1e-12);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_batch_may_be_computed_in_parts_exactly_where_the_loss_says_so(string name)
    {
        using var scope = NewDisposeScope();
        var loss = (PairLoss)All[name];
        Tensor logs = Logs(1);
        double Sum(params long[] pairs)
        {
            Tensor rows = tensor(pairs.Concat(pairs.Select(pair => pair + Pairs)).ToArray());
            return loss.PerPair(PreferenceScores.Of(logs.index_select(0, rows), Mask().index_select(0, rows), Reference().index_select(0, rows))).sum().Number();
        }
        Assert.Equal(loss.AddsOverRows, Math.Abs(Sum(0, 1, 2, 3, 4) - Sum(0, 1) - Sum(2, 3, 4)) < 1e-9);
    }

    [Fact]
    public void Labelled_completions_are_computed_in_parts_unless_they_are_compared_with_those_of_other_prompts()
    {
        using var scope = NewDisposeScope();
        Tensor own = Logs(2).sum(1), reference = Reference(), desirable = tensor(new double[] { 1, 0, 1, 1, 0, 0, 1, 0, 1, 0 }), other = reference - Logs(3).sum(1);
        foreach (PreferenceLoss<UnpairedPreference> any in new[] { PreferenceLoss.Kto(0.3), PreferenceLoss.ApoZeroUnpaired(0.3) })
        {
            var loss = (UnpairedLoss)any;
            double Sum(long start, long count)
            {
                Tensor Part(Tensor values) => values.narrow(0, start, count);
                return loss.PerRow(new UnpairedScores(Part(own), Part(reference), Part(desirable), Part(other), Part(reference))).sum().Number();
            }
            Assert.Equal(loss.AddsOverRows, Math.Abs(Sum(0, 10) - Sum(0, 4) - Sum(4, 6)) < 1e-9);
        }
    }

    [Fact]
    public void Bad_settings_are_all_named_at_once()
    {
        var violations = new List<string>();
        PreferenceLoss.Combined((PreferenceLoss.Dpo(0, 0.5), 1), (PreferenceLoss.Exo(0.1, 0), -1), (PreferenceLoss.SimPo(double.NaN, -1), 1)).CollectViolations(violations);
        Assert.Equal(6, violations.Count);
        PreferenceLoss.Kto(-1, 0, double.PositiveInfinity).CollectViolations(violations);
        Assert.Equal(9, violations.Count);
    }

    private static PreferenceScores Scores(Tensor logs) => PreferenceScores.Of(logs, Mask(), Reference());

    private static Tensor Logs(int seed)
    {
        using var generator = new Generator((ulong)seed);
        return rand([2 * Pairs, Tokens], ScalarType.Float64, generator: generator).mul(Held(-3)).add(Held(-0.05), Held(1));
    }

    private static Tensor Reference()
    {
        using var generator = new Generator(9);
        return rand([2 * Pairs], ScalarType.Float64, generator: generator).mul(Held(-6)).add(Held(-1), Held(1));
    }

    // Completions of different lengths, in the middle of the rows.
    private static Tensor Mask() => tensor(
        Enumerable.Range(0, 2 * Pairs).SelectMany(row => Enumerable.Range(0, Tokens).Select(token => token >= row % 3 && token < 3 + (row % 4) ? 1.0 : 0)).ToArray(), [2 * Pairs, Tokens]);
}
