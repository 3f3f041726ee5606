using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>A text as it stands, or turns of a conversation that a chat template renders.</summary>
/// <remarks>Immutable and thread-safe. Two are equal where their texts or turns are. A text converts by itself:
/// <c>new PromptCompletion("2 + 2 =", " 4")</c>.</remarks>
public sealed record TextOrTurns
{
    /// <summary>A text.</summary>
    /// <param name="text">Kept exactly, white space included.</param>
    public TextOrTurns(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Text = text;
    }

    /// <summary>Turns of a conversation.</summary>
    /// <param name="turns">May be empty.</param>
    public TextOrTurns(IReadOnlyList<ChatTurn> turns)
    {
        NullMembers.RequireEntries(turns, nameof(turns));
        Turns = turns;
    }

    /// <summary>The text. Null: there are turns.</summary>
    public string? Text { get; }

    /// <summary>The turns. Null: there is a text.</summary>
    public IReadOnlyList<ChatTurn>? Turns { get; }

    /// <summary>Whether nothing is there: an empty text, or no turn.</summary>
    public bool IsEmpty => Text is null ? Turns!.Count == 0 : Text.Length == 0;

    /// <summary>A text.</summary>
    /// <param name="text">Kept exactly.</param>
    public static implicit operator TextOrTurns(string text) => new(text);

    /// <summary>Turns of a conversation.</summary>
    /// <param name="turns">May be empty.</param>
    public static implicit operator TextOrTurns(ChatTurn[] turns) => new((IReadOnlyList<ChatTurn>)turns);

    /// <summary>A text; the same as the conversion.</summary>
    /// <param name="text">Kept exactly.</param>
    public static TextOrTurns FromString(string text) => new(text);

    /// <summary>Turns of a conversation; the same as the conversion.</summary>
    /// <param name="turns">May be empty.</param>
    public static TextOrTurns FromChatTurnArray(ChatTurn[] turns) => new((IReadOnlyList<ChatTurn>)turns);

    /// <inheritdoc/>
    public bool Equals(TextOrTurns? other) => other is not null && (Text is null
        ? other.Turns is not null && Turns!.SequenceEqual(other.Turns)
        : Text == other.Text);

    /// <inheritdoc/>
    public override int GetHashCode() => Text is null ? Turns!.Aggregate(Turns!.Count, HashCode.Combine) : Text.GetHashCode(StringComparison.Ordinal);

    /// <summary>The text, or the turns in JSON.</summary>
    public override string ToString() => Text ?? $"[{string.Join(", ", Turns!)}]";
}
