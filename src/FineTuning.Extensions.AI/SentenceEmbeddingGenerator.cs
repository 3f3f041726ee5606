using FineTuning.Errors;
using FineTuning.Tasks;
using FineTuning.Text;
using Microsoft.Extensions.AI;

namespace FineTuning.Extensions.AI;

/// <summary>A sentence encoder as <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>.</summary>
internal sealed class SentenceEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly IPredictor<string, float[]> _encoder;
    private readonly PretrainedTokenizer? _tokenizer;
    private readonly EmbeddingGeneratorMetadata _metadata;

    public SentenceEmbeddingGenerator(IPredictor<string, float[]> encoder, string? modelId, int? dimension, PretrainedTokenizer? tokenizer)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        (_encoder, _tokenizer, _metadata) = (encoder, tokenizer, new EmbeddingGeneratorMetadata("finetuning", null, modelId ?? "finetuned", dimension));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOptionsException">Another number of dimensions is asked for than the vectors have.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        string[] texts = [.. values];
        if (Array.Exists(texts, text => text is null)) throw new ArgumentException("a text is null; give an empty text where there is nothing", nameof(values));
        if (options?.Dimensions is { } asked && _metadata.DefaultModelDimensions is { } own && asked != own) throw Other(asked, own);
        IReadOnlyList<float[]> vectors = texts.Length == 0 ? []
            : await Task.Run(() => _encoder.PredictBatch(texts, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (options?.Dimensions is { } wanted && vectors.Count > 0 && vectors[0].Length != wanted) throw Other(wanted, vectors[0].Length);
        var embeddings = new GeneratedEmbeddings<Embedding<float>>(vectors.Select(vector =>
            new Embedding<float>(vector) { ModelId = _metadata.DefaultModelId }));
        if (_tokenizer is not null)
        {
            long tokens = texts.Sum(text => (long)_tokenizer.EncodeIds(text).Length);
            embeddings.Usage = new() { InputTokenCount = tokens, TotalTokenCount = tokens };
        }
        return embeddings;
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(EmbeddingGeneratorMetadata)) return _metadata;
        if (serviceType.IsInstanceOfType(this)) return this;
        if (serviceType.IsInstanceOfType(_encoder)) return _encoder;
        return _tokenizer is not null && serviceType.IsInstanceOfType(_tokenizer) ? _tokenizer : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The encoder is the caller's.
    }

    private static InvalidOptionsException Other(int asked, int own) =>
        new([$"Dimensions is {asked}: the encoder's vectors have {own} numbers, and cutting them is another model"]);
}
