using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What every head over an encoder asks of tokenizer and encoder together.</summary>
internal static class EncoderText
{
    /// <summary>The id of padding: the tokenizer's, or the configuration's, or 0 where neither has one; masked, it means nothing.</summary>
    public static int PadId(Trunk trunk, PretrainedTokenizer tokenizer) => tokenizer.PadId ?? trunk.Plan.PadTokenId ?? 0;

    /// <summary>Type ids, or null where all are 0 or the encoder takes none.</summary>
    public static int[]? TypesOf(Trunk trunk, TokenizedText tokens) =>
        trunk.Plan.TypeVocabularySize > 1 && Array.Exists(tokens.TypeIds, id => id != 0) ? tokens.TypeIds : null;

    /// <summary>Tokens as a row.</summary>
    public static TokenizedRow Row(Trunk trunk, TokenizedText tokens) => new(tokens.Ids, TypesOf(trunk, tokens));
}
