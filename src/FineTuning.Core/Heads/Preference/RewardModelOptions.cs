using FineTuning.Models;
using Microsoft.Extensions.Logging;

namespace FineTuning.Heads;

/// <summary>How a reward model is loaded and trained.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record RewardModelOptions
{
    /// <summary>
    /// Tokens of prompt and completion together, special ones included. Nothing is cut, since a score that has not seen the end means little: what is longer is
    /// refused. Null: what the model's positions allow.
    /// </summary>
    public int? MaximumLength { get; init; }

    /// <summary>What happens to a pair of which one side is longer. Default: it is an error that names it.</summary>
    public LostTargets TooLong { get; init; } = LostTargets.Refuse;

    /// <summary>
    /// How strongly the rewards of a pair are kept near 0 in sum (Eisenstein et al. 2023), 0 or more; a small one such as 0.01 is usual. Default 0.
    /// </summary>
    public double Centering { get; init; }

    /// <summary>The seed of a fresh head. Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Whether the head is drawn fresh, whatever the checkpoint holds.</summary>
    public bool FreshHead { get; init; }

    /// <summary>Where the model computes: cpu (default), cuda, cuda:0 and so on, or auto (a GPU where there is one).</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Told where a head that nothing has trained is asked for a score. Null: no one is told.</summary>
    public ILogger? Logger { get; init; }

    internal ModelLoadOptions LoadOptions() => new() { Seed = Seed, FreshHead = FreshHead, Device = Device };

    internal void CollectViolations(List<string> violations)
    {
        if (MaximumLength is < 3) violations.Add($"MaximumLength is {MaximumLength}: a text needs at least 3 tokens");
        if (!Enum.IsDefined(TooLong)) violations.Add($"TooLong is {TooLong}: it is {string.Join(", ", Enum.GetNames<LostTargets>())}");
        if (!(Centering >= 0 && double.IsFinite(Centering))) violations.Add($"Centering is {Centering}: it is 0 or more and finite");
        if (Device is null) violations.Add("Device is null: it is cpu, cuda, cuda:0 and so on, or auto");
    }
}
