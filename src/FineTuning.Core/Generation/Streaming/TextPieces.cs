using FineTuning.Text;

namespace FineTuning.Generation;

/// <summary>Turns the tokens of one row into pieces of text as they come.</summary>
/// <param name="tokenizer">The tokenizer of the model.</param>
/// <param name="endTokens">Tokens that end the text and are no part of it.</param>
/// <param name="emit">Takes a piece that is certain and not empty.</param>
internal sealed class TextPieces(PretrainedTokenizer tokenizer, IReadOnlyList<int> endTokens, Action<string> emit)
{
    private readonly StreamingDecoder _decoder = new(tokenizer);

    /// <summary>Takes tokens that a text begins with, before any other.</summary>
    public void Begin(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens) Emit(_decoder.Append(token));
    }

    /// <summary>Takes the next token.</summary>
    public void Append(int token)
    {
        if (endTokens.Contains(token)) return;
        Emit(_decoder.Append(token));
    }

    /// <summary>Gives the rest.</summary>
    public void Complete() => Emit(_decoder.Complete());

    private void Emit(string piece)
    {
        if (piece.Length > 0) emit(piece);
    }
}
