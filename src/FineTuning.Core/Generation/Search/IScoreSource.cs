namespace FineTuning.Generation;

/// <summary>What a search asks for scores: a model with its cache, or a table. Rows are known by their number in the last call.</summary>
/// <remarks>For one thread. Whoever made it disposes it.</remarks>
internal interface IScoreSource : IDisposable
{
    /// <summary>Scores a row has.</summary>
    int VocabularySize { get; }

    /// <summary>Takes what the decoder is given and scores the next token of each row.</summary>
    /// <param name="rows">Equally long, padded on the left.</param>
    /// <param name="padding">How many tokens of each row are padding.</param>
    /// <param name="scores">[rows, vocabulary]: filled.</param>
    void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores);

    /// <summary>Takes one more token a row and scores the next. A row may go on several times, or not at all: the cache is selected accordingly.</summary>
    /// <param name="tokens">[new rows]: the token that is appended.</param>
    /// <param name="parents">[new rows]: which row of the last call it is appended to.</param>
    /// <param name="scores">[new rows, vocabulary]: filled.</param>
    void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores);
}
