namespace FineTuning.Metrics;

/// <summary>How many generated texts, and how many of their tokens, are exactly right.</summary>
/// <remarks>Keeps counts only. For one thread.</remarks>
/// <param name="ignoreCase">Whether upper and lower case are one.</param>
public sealed class MatchAccumulator(bool ignoreCase = false)
{
    private long _texts, _rightTexts, _tokens, _rightTokens;

    /// <summary>The share of texts that equal one of their references, from 0 to 1.</summary>
    /// <exception cref="InvalidOperationException">No text was added.</exception>
    public double ExactMatch =>
        _texts > 0 ? (double)_rightTexts / _texts : throw MetricErrors.NothingAdded("text");

    /// <summary>The share of tokens that are right where they stand, from 0 to 1.</summary>
    /// <exception cref="InvalidOperationException">No token was added.</exception>
    public double TokenAccuracy =>
        _tokens > 0 ? (double)_rightTokens / _tokens : throw MetricErrors.NothingAdded("token");

    /// <summary>Adds a text.</summary>
    /// <param name="prediction">The generated text.</param>
    /// <param name="references">What would have been right, one or several.</param>
    /// <returns>Whether it equals one of them.</returns>
    /// <exception cref="ArgumentException">There is no reference.</exception>
    public bool AddText(string prediction, params IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(references);
        MetricErrors.RequireReferences(references);
        bool right = references.Any(reference => ignoreCase ? AnswerText.Lower(reference) == AnswerText.Lower(prediction) : reference == prediction);
        _texts++;
        if (right) _rightTexts++;
        return right;
    }

    /// <summary>Adds the tokens of a text, those predicted beside those that stand there.</summary>
    /// <param name="predictions">The ids predicted.</param>
    /// <param name="references">The true ids, as many.</param>
    /// <param name="ignored">An id of the references that does not count, for example -100. Null: all count.</param>
    /// <exception cref="ArgumentException">There are not as many predictions as references.</exception>
    public void AddTokens(ReadOnlySpan<int> predictions, ReadOnlySpan<int> references, int? ignored = null)
    {
        if (predictions.Length != references.Length)
            throw new ArgumentException($"there are {predictions.Length} predicted tokens for {references.Length}", nameof(predictions));
        for (int i = 0; i < references.Length; i++)
        {
            if (references[i] == ignored) continue;
            _tokens++;
            if (predictions[i] == references[i]) _rightTokens++;
        }
    }
}
