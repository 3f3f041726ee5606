namespace FineTuning.Metrics;

/// <summary>How well a model predicts texts, from their log-likelihoods: perplexity and bits, weighted by tokens.</summary>
/// <remarks>Keeps sums only. For one thread.</remarks>
public sealed class LikelihoodAccumulator
{
    private double _logLikelihood;
    private long _bytes;
    private bool _bytesAreKnown = true;

    /// <summary>Tokens added.</summary>
    public long Tokens { get; private set; }

    /// <summary>The mean negative log-likelihood of a token, in nats.</summary>
    /// <exception cref="InvalidOperationException">No token was added.</exception>
    public double NegativeLogLikelihood =>
        -_logLikelihood / (Tokens > 0 ? Tokens : throw MetricErrors.NothingAdded("token"));

    /// <summary>exp of <see cref="NegativeLogLikelihood"/>; infinite where that overflows.</summary>
    public double Perplexity => Math.Exp(NegativeLogLikelihood);

    /// <summary><see cref="NegativeLogLikelihood"/> in bits.</summary>
    public double BitsPerToken => NegativeLogLikelihood / Math.Log(2);

    /// <summary>All bits over all bytes of the texts: comparable between tokenizers.</summary>
    /// <exception cref="InvalidOperationException">No token was added, or texts without their length in bytes.</exception>
    public double BitsPerByte =>
        !_bytesAreKnown || _bytes == 0 ? throw new InvalidOperationException("bits per byte need the length of every text in bytes: give it to Add")
        : NegativeLogLikelihood * Tokens / Math.Log(2) / _bytes;

    /// <summary>Adds a text.</summary>
    /// <param name="logLikelihood">The sum of its tokens' natural log-probabilities; 0 or less.</param>
    /// <param name="tokens">How many tokens were predicted.</param>
    /// <param name="utf8Bytes">How many bytes the text has in UTF-8. Null: not known.</param>
    /// <exception cref="ArgumentOutOfRangeException">The likelihood is NaN or above 0, or a count is negative.</exception>
    public void Add(double logLikelihood, int tokens, int? utf8Bytes = null)
    {
        if (double.IsNaN(logLikelihood) || logLikelihood > 0)
            throw new ArgumentOutOfRangeException(nameof(logLikelihood), logLikelihood, "a sum of logarithms of probabilities is 0 or less");
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        if (utf8Bytes is { } bytes) ArgumentOutOfRangeException.ThrowIfNegative(bytes, nameof(utf8Bytes));
        _logLikelihood += logLikelihood;
        Tokens += tokens;
        _bytesAreKnown &= utf8Bytes is not null;
        _bytes += utf8Bytes ?? 0;
    }

    /// <summary><c>loss</c>, <c>perplexity</c>, <c>bits_per_token</c> and, where all lengths are known, <c>bits_per_byte</c>.</summary>
    /// <exception cref="InvalidOperationException">No token was added.</exception>
    public MetricReport Report()
    {
        var values = new List<MetricValue> { MetricValue.Lower("loss", NegativeLogLikelihood), MetricValue.Lower("perplexity", Perplexity),
            MetricValue.Lower("bits_per_token", BitsPerToken) };
        if (_bytesAreKnown && _bytes > 0) values.Add(MetricValue.Lower("bits_per_byte", BitsPerByte));
        return new(values);
    }
}
