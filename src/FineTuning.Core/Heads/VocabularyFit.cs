using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Whether every id that a tokenizer gives has a row in the embeddings.</summary>
internal static class VocabularyFit
{
    /// <exception cref="CheckpointException">An id is outside the embeddings: of the vocabulary, of an added token, of the template, or of padding.</exception>
    public static void Require(Trunk trunk, PretrainedTokenizer tokenizer)
    {
        TrunkPlan plan = trunk.Plan;
        if (tokenizer.HighestId is { } id && id >= plan.VocabularySize)
        {
            string token = tokenizer.Token(id) is { } text ? $" (of '{Excerpt.Of(text)}')" : "";
            throw new CheckpointException(
                "the tokenizer",
                $"its ids go up to {id}{token}, so that it needs embeddings of {id + 1} rows, but those of the model have {plan.VocabularySize} rows. "
                + "Take the tokenizer that belongs to the weights, or widen the embeddings with Pretrained.AddTokens");
        }
        if (plan.PadTokenId >= plan.VocabularySize)
        {
            throw new CheckpointException(trunk.Config.FilePath, $"'pad_token_id' is {plan.PadTokenId}, but the embeddings have {plan.VocabularySize} rows");
        }
    }
}
