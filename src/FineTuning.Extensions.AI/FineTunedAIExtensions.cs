using FineTuning.Extensions.AI;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Text;

namespace Microsoft.Extensions.AI;

/// <summary>Tuned models as what Microsoft.Extensions.AI, Semantic Kernel and agents use.</summary>
public static class FineTunedAIExtensions
{
    /// <summary>A chat model as a chat client.</summary>
    /// <param name="model">Stays the caller's, who disposes it after the client.</param>
    /// <param name="modelId">By which the client's answers name it. Null: "finetuned".</param>
    /// <param name="toolCalls">Which forms of calls are looked for in answers, where tools are given. Default: all that are known.</param>
    public static ChatModelClient AsChatClient(this ChatModel model, string? modelId = null, ToolCallForms toolCalls = ToolCallForms.All) =>
        new(model, modelId, toolCalls);

    /// <summary>A sentence encoder as a generator of embeddings.</summary>
    /// <param name="encoder">Stays the caller's, who disposes it after the generator.</param>
    /// <param name="modelId">By which the generator names it. Null: "finetuned".</param>
    public static SentenceEmbeddingGenerator AsEmbeddingGenerator(this SentenceEncoder encoder, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        return new(encoder, modelId, encoder.Dimension, encoder.Tokenizer);
    }

    /// <summary>A predictor of vectors as a generator of embeddings: a sentence encoder in a service, whose callers share batches, or a fake.</summary>
    /// <param name="encoder">Stays the caller's, who disposes it after the generator.</param>
    /// <param name="modelId">By which the generator names it. Null: "finetuned".</param>
    /// <param name="dimension">How many numbers a vector has. Null: not known before the first.</param>
    /// <param name="tokenizer">Counts tokens. Null: they are not counted.</param>
    public static SentenceEmbeddingGenerator AsEmbeddingGenerator(
        this IPredictor<string, float[]> encoder, string? modelId = null, int? dimension = null, PretrainedTokenizer? tokenizer = null) =>
        new(encoder, modelId, dimension, tokenizer);
}
