using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>A conversation from which a chat model learns its answers.</summary>
/// <remarks>
/// Immutable and thread-safe. A turn with a field <c>loss_weight</c> or <c>weight</c> of 0 is context: no token of it is learned.
/// </remarks>
/// <param name="Turns">The turns in order, with their tool calls and reasoning.</param>
public sealed record Conversation(IReadOnlyList<ChatTurn> Turns)
{
    /// <summary>The tools that the assistant may call. Null: there are none.</summary>
    public IReadOnlyList<ChatTool>? Tools { get; init; }

    /// <summary>How many turns at the start are the prompt: no token of them is learned. Default 0: every answer is.</summary>
    public int PromptTurns { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;
}
