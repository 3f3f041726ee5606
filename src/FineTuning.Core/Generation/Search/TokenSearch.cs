using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>What a search is asked for beside its options.</summary>
internal sealed record SearchRequest(IReadOnlyList<SearchPrompt> Prompts, GenerationSettings Settings)
{
    /// <summary>Rules on the scores; null: those of the settings.</summary>
    public ProcessorChain? Processors { get; init; }

    /// <summary>Tells when a stop string is met; null: there are none.</summary>
    public StopMatcher? Stops { get; init; }

    /// <summary>Told of each new token and the row it belongs to, as soon as it is chosen. A beam search knows no token before its end.</summary>
    public Action<int, int>? OnToken { get; init; }

    /// <summary>Whether the log-probabilities of tokens are wanted.</summary>
    public bool WithLogProbabilities { get; init; }
}

/// <summary>Generates: greedy, by drawing, by beams.</summary>
internal static class TokenSearch
{
    /// <summary>Generates from a source that has not been started.</summary>
    /// <returns>For each prompt as many texts as were asked for, the best first; fewer only where a beam search found no more.</returns>
    /// <exception cref="InvalidOptionsException">The scores of all rows are too many for this process.</exception>
    /// <exception cref="FineTuningException">The model gave scores that are no numbers, or the rules leave no token.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, between two tokens.</exception>
    public static IReadOnlyList<Generated> Run(IScoreSource source, SearchRequest request, CancellationToken cancellation = default)
    {
        GenerationSettings settings = request.Settings;
        int perPrompt = settings.Beams > 1 ? settings.Beams : settings.Returned;
        long scores = (long)request.Prompts.Count * perPrompt * source.VocabularySize;
        if (scores > Array.MaxLength / sizeof(float))
        {
            throw new InvalidOptionsException([$"{request.Prompts.Count} prompts with {perPrompt} texts each have {scores} scores a token: at most " +
                $"{Array.MaxLength / sizeof(float)} are possible; generate from fewer prompts at once"]);
        }
        ProcessorChain chain = request.Processors ?? ProcessorChain.Of(settings);
        return settings.Beams > 1 ? new BeamSearch(source, request, chain).Run(cancellation) : new RowSearch(source, request, chain).Run(cancellation);
    }

    /// <summary>Why a text ends with its newest token; null: it goes on.</summary>
    /// <param name="request">What is searched for.</param>
    /// <param name="prompt">The prompt of the text.</param>
    /// <param name="tokens">The text so far, padding included.</param>
    public static FinishReason? Finish(SearchRequest request, SearchPrompt prompt, ReadOnlySpan<int> tokens)
    {
        if (request.Settings.EndTokens.AsSpan().Contains(tokens[^1])) return FinishReason.EndToken;
        if (request.Stops?.IsMet(tokens[prompt.Padding..]) == true) return FinishReason.StopString;
        return tokens.Length >= request.Settings.MaximumLength ? FinishReason.Length : null;
    }
}
