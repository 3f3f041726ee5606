using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>How many tokens a text may have: what the user says, else what tokenizer and position table allow, at most 512.</summary>
internal static class SequenceLimit
{
    // Attention's cost grows with the square of the length: models that would take more are asked for it explicitly.
    private const int DefaultCeiling = 512;

    /// <exception cref="CheckpointException">The tokenizer has ids that the embeddings have no row for.</exception>
    public static int Resolve(Trunk trunk, PretrainedTokenizer tokenizer, int? asked, bool cuts = true)
    {
        VocabularyFit.Require(trunk, tokenizer);
        int allowed = trunk.Plan.MaximumTokens ?? int.MaxValue;
        if (asked is { } length)
        {
            if (length < 3 || length > allowed)
            {
                throw new InvalidOptionsException([$"MaximumLength is {length}: the model takes 3 to {allowed} tokens"]);
            }
            return length;
        }
        // Where nothing is cut, only what the network cannot compute is too long.
        if (!cuts) return allowed;
        return Math.Min(Math.Min(allowed, tokenizer.MaximumLength ?? int.MaxValue), DefaultCeiling);
    }
}
