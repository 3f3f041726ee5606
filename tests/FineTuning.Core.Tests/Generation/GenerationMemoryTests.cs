using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>A token costs no memory that grows with the vocabulary or with the text.</summary>
public sealed class GenerationMemoryTests
{
    private static readonly GenerationOptions Busy = new()
    {
        MaxNewTokens = 200, EosTokenId = [1], MinNewTokens = 200, RepetitionPenalty = 1.1, NoRepeatNgramSize = 4, EncoderRepetitionPenalty = 1.2, BadWordsIds = [[5, 6], [7]],
        SequenceBias = [new([3], 1)], SuppressTokens = [9], ExponentialDecayLengthPenalty = new(5, 1.01), RenormalizeLogits = true, DoSample = true, Temperature = 0.9, TopK = 0, TopP = 0.95,
        MinP = 0.001, TypicalP = 0.98, EpsilonCutoff = 1e-6, EtaCutoff = 1e-6, TopH = 0.99,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_token_costs_less_than_a_kilobyte(int beams)
    {
        const int size = 32_000;
        using var source = new SteadySource(size);
        SearchRequest request = SearchLawTests.Request(Busy with { NumBeams = beams }, [[2, 3, 4, 5]], size);
        _ = TokenSearch.Run(source, request, TestContext.Current.CancellationToken);
        // The source looks at the counter when it is called: from the tenth token to the last.
        long each = (source.Allocated[^1] - source.Allocated[10]) / (source.Allocated.Count - 11);
        Assert.True(source.Allocated.Count > 150);
        Assert.True(each < 1024, $"{each} bytes a token");
    }

    private sealed class SteadySource : IScoreSource
    {
        private readonly float[] _scores;

        public SteadySource(int size)
        {
            VocabularySize = size;
            _scores = [.. Enumerable.Range(0, size).Select(token => (float)new DrawStream(1, token, 0).Gumbel(0))];
        }

        public int VocabularySize { get; }

        public List<long> Allocated { get; } = new(1000);

        public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores) => Fill(scores);

        public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores) => Fill(scores);

        public void Dispose()
        {
        }

        private void Fill(Span<float> scores)
        {
            Allocated.Add(GC.GetAllocatedBytesForCurrentThread());
            for (int start = 0; start < scores.Length; start += VocabularySize) _scores.CopyTo(scores[start..]);
        }
    }
}
