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
    /// <remarks>
    /// Thread-safe, as the model is. Mapped are the options MaxOutputTokens, Temperature (0: the likeliest tokens), TopP, TopK, Seed, StopSequences,
    /// Instructions, Tools and ToolMode Auto and None; RawRepresentationFactory may give <see cref="FineTuning.Generation.GenerationOptions"/> for the rest.
    /// Others that would change the answer are an <see cref="FineTuning.Errors.InvalidOptionsException"/>, which lists them all. Disposing the client frees
    /// nothing.
    /// </remarks>
    public static IChatClient AsChatClient(this ChatModel model, string? modelId = null, ToolCallForms toolCalls = ToolCallForms.All) =>
        new ChatModelClient(model, modelId, toolCalls);

    /// <summary>A sentence encoder as a generator of embeddings.</summary>
    /// <param name="encoder">Stays the caller's, who disposes it after the generator.</param>
    /// <param name="modelId">By which the generator names it. Null: "finetuned".</param>
    /// <remarks>Thread-safe, as the encoder is; disposing the generator frees nothing. Dimensions, where asked for, are the encoder's or refused.</remarks>
    public static IEmbeddingGenerator<string, Embedding<float>> AsEmbeddingGenerator(this SentenceEncoder encoder, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        return new SentenceEmbeddingGenerator(encoder, modelId, encoder.Dimension, encoder.Tokenizer);
    }

    /// <summary>A predictor of vectors as a generator of embeddings: a sentence encoder in a service, whose callers share batches, or a fake.</summary>
    /// <param name="encoder">Stays the caller's, who disposes it after the generator.</param>
    /// <param name="modelId">By which the generator names it. Null: "finetuned".</param>
    /// <param name="dimension">How many numbers a vector has. Null: not known before the first.</param>
    /// <param name="tokenizer">Counts tokens. Null: they are not counted.</param>
    /// <remarks>Thread-safe, as the predictor is; disposing the generator frees nothing.</remarks>
    public static IEmbeddingGenerator<string, Embedding<float>> AsEmbeddingGenerator(
        this IPredictor<string, float[]> encoder, string? modelId = null, int? dimension = null, PretrainedTokenizer? tokenizer = null) =>
        new SentenceEmbeddingGenerator(encoder, modelId, dimension, tokenizer);
}
