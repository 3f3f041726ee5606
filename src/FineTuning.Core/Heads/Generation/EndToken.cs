using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>The token that ends a text, which no model that writes can do without.</summary>
internal static class EndToken
{
    /// <param name="tokenizer">The tokenizer of the checkpoint.</param>
    /// <param name="folder">Where its files are. Null: it is not from a folder.</param>
    /// <param name="otherwise">What can be done instead of naming one. Null: nothing.</param>
    /// <exception cref="InvalidOptionsException">The tokenizer names none; the message says in which file it is to be named.</exception>
    public static int Require(PretrainedTokenizer tokenizer, string? folder, string? otherwise = null) => tokenizer.EndId ?? throw new InvalidOptionsException(
        ["the tokenizer names no token that ends a text (eos_token), so that the model could not learn to stop: "
            + $"name one in {Path.Combine(folder ?? "", "tokenizer_config.json")}{(otherwise is null ? "" : ", or " + otherwise)}"]);
}
