using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>Two completions of one prompt, of which the first is better.</summary>
/// <remarks>Immutable and thread-safe. All three are texts, or all three are turns.</remarks>
/// <param name="Prompt">What both completions answer.</param>
/// <param name="Chosen">The better one.</param>
/// <param name="Rejected">The worse one.</param>
public sealed record PreferencePair(TextOrTurns Prompt, TextOrTurns Chosen, TextOrTurns Rejected)
{
    /// <summary>The tools that the assistant may call. Null: there are none. Only turns have tools.</summary>
    public IReadOnlyList<ChatTool>? Tools { get; init; }

    /// <summary>By how much the chosen reward should exceed the rejected one. Null: not given. Only reward models read it.</summary>
    public double? Margin { get; init; }
}

/// <summary>One completion, and whether it is wanted: what KTO learns from.</summary>
/// <remarks>Immutable and thread-safe. Both are texts, or both are turns.</remarks>
/// <param name="Prompt">What the completion answers.</param>
/// <param name="Completion">The completion.</param>
/// <param name="IsDesirable">Whether the model should write such completions.</param>
public sealed record UnpairedPreference(TextOrTurns Prompt, TextOrTurns Completion, bool IsDesirable)
{
    /// <summary>The tools that the assistant may call. Null: there are none. Only turns have tools.</summary>
    public IReadOnlyList<ChatTool>? Tools { get; init; }
}

/// <summary>From pairs to single completions.</summary>
public static class PreferenceMapping
{
    /// <summary>Every chosen completion as a desirable one, in order, then every rejected one as an undesirable one.</summary>
    /// <param name="pairs">Read twice, not kept.</param>
    public static IEnumerable<UnpairedPreference> Unpaired(this IEnumerable<PreferencePair> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        IEnumerable<PreferencePair> present = pairs.Select((pair, index) => pair is { Prompt: not null, Chosen: not null, Rejected: not null } ? pair
            : throw new TrainingDataException($"pair {index} (from 0), or its Prompt, Chosen or Rejected, is null; leave it out"));
        return present.Select(pair => new UnpairedPreference(pair.Prompt, pair.Chosen, true) { Tools = pair.Tools })
            .Concat(present.Select(pair => new UnpairedPreference(pair.Prompt, pair.Rejected, false) { Tools = pair.Tools }));
    }
}
