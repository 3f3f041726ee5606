using System.Globalization;
using System.Text;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>How a trunk is trained on the texts of a domain before a task.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record DomainOptions
{
    /// <summary>Tokens of a row, special ones included. Null: what tokenizer and model allow, at most 512.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>The share of the texts that is held out to measure the perplexity on and to keep the best weights by, from 0.01 to 0.5. Default 0.05.</summary>
    public double HeldOut { get; init; } = 0.05;

    /// <summary>
    /// Texts such as the checkpoint has learned from: how well it predicts them is measured before and after, so that it is seen what of the language was
    /// forgotten. Null: there are none.
    /// </summary>
    public IReadOnlyList<string>? KeptTexts { get; init; }

    /// <summary>The share of batches that are kept texts: every second of these is replayed, the others are measured. 0 (default): none is replayed.</summary>
    public double Replay { get; init; }

    /// <summary>
    /// Whether the trunk gets the weights between old and new that keep 95 % of what was gained and forget least. It needs <see cref="KeptTexts"/>.
    /// Default false.
    /// </summary>
    public bool AtRecommendedPoint { get; init; }

    /// <summary>The seed of what is held out and of the run, unless <see cref="Recipe"/> sets another for that. Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Changes the recipe, for example <c>o => o with { Epochs = 10 }</c>. Null: the default recipe.</summary>
    public Func<TrainingOptions, TrainingOptions>? Recipe { get; init; }

    internal void CollectViolations(List<string> violations)
    {
        if (MaximumLength is < 3) violations.Add($"MaximumLength is {MaximumLength}: a row needs at least 3 tokens");
        if (HeldOut is not (>= 0.01 and <= 0.5)) violations.Add($"HeldOut is {HeldOut}: it is from 0.01 to 0.5");
        if (Replay is not (>= 0 and <= 0.9)) violations.Add($"Replay is {Replay}: it is from 0 to 0.9");
        if (Replay > 0 && KeptTexts is not { Count: >= 2 }) violations.Add("Replay needs two or more KeptTexts: there is nothing to replay and to measure");
        if (AtRecommendedPoint && KeptTexts is not { Count: >= 1 })
            violations.Add("AtRecommendedPoint needs KeptTexts: there is nothing to weigh the gain against");
    }
}

/// <summary>A trunk that was trained on the texts of a domain, and what that gave.</summary>
/// <remarks>Whoever made the trunk disposes it, as before.</remarks>
public sealed class DomainAdaptation
{
    internal DomainAdaptation(Trunk trunk, TrainingResult run, MetricReport before, MetricReport after, ContinuedResult? kept, bool isFresh) =>
        (Trunk, Run, Before, After, Kept, HeadWasFresh) = (trunk, run, before, after, kept, isFresh);

    /// <summary>The trunk, adapted in place: heads that are put on it start from there.</summary>
    public Trunk Trunk { get; }

    /// <summary>The run of the language model.</summary>
    public TrainingResult Run { get; }

    /// <summary>How well the held-out texts of the domain were predicted before: loss, perplexity and the rest.</summary>
    public MetricReport Before { get; }

    /// <summary>And with the weights that the run ended with.</summary>
    public MetricReport After { get; }

    /// <summary>What was forgotten of the kept texts, and the line between. Null: there were none.</summary>
    public ContinuedResult? Kept { get; }

    /// <summary>
    /// Whether the checkpoint has no head of a language model, so that a fresh one was trained: the perplexity before then says nothing of the trunk.
    /// </summary>
    public bool HeadWasFresh { get; }

    /// <summary>The run in a few lines, and the perplexity before and after.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Kept?.ToString() ?? Run.ToString());
        if (Kept is null) text.AppendLine().Append(CultureInfo.InvariantCulture, $"perplexity {Before["perplexity"]:0.###} -> {After["perplexity"]:0.###}");
        if (HeadWasFresh)
        {
            text.AppendLine().Append("note: the checkpoint has no head of a language model, and a fresh one was trained: ")
                .Append("the perplexity before says nothing");
        }
        return text.ToString();
    }
}
