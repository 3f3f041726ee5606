using FineTuning.Errors;
using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Searches over tables of scores: against brute force, against each other, alone and in batches.</summary>
public sealed class SearchLawTests
{
    private const int Vocabulary = 5;

    public static TheoryData<double, EarlyStopping> Penalties => new()
    {
        { 1, EarlyStopping.WhenUnlikely }, { 0, EarlyStopping.WhenUnlikely }, { 2.5, EarlyStopping.Never }, { -1, EarlyStopping.Never }, { 1, EarlyStopping.AtOnce },
    };

    [Theory]
    [MemberData(nameof(Penalties))]
    public void With_a_beam_for_every_text_the_best_of_all_texts_are_found(double penalty, EarlyStopping stopping)
    {
        const int longest = 4, beams = 600;
        for (int seed = 0; seed < 8; seed++)
        {
            TableSource source = TableSource.Random(Vocabulary, seed);
            var options = new GenerationOptions { NumBeams = beams, NumReturnSequences = beams, MaxNewTokens = longest, EosTokenId = [0, 3], LengthPenalty = penalty, EarlyStopping = stopping };
            IReadOnlyList<Generated> found = Run(source, options, [[1, 2]]);
            var all = new List<(int[] Tokens, double Sum)>();
            Enumerate(source, [1, 2], [], 0, longest, [0, 3], all);
            (int[] Tokens, double Score)[] expected = [.. all.Select(text => (text.Tokens, text.Sum / Math.Pow(text.Tokens.Length, penalty))).OrderByDescending(text => text.Item2)];
            // Every text is found once: beams that have no text of their own add nothing.
            Assert.Equal(expected.Length, found.Count);
            for (int i = 0; i < found.Count; i++)
            {
                Assert.Equal(expected[i].Score, found[i].Score!.Value, 1e-5);
                Assert.Equal(expected[i].Tokens, found[i].Tokens);
                Assert.Equal(all.Single(text => text.Tokens.SequenceEqual(found[i].Tokens)).Sum, found[i].LogProbabilities!.Sum(value => (double)value), 1e-5);
            }
        }
    }

    [Fact]
    public void A_beam_of_one_is_greedy()
    {
        for (int seed = 0; seed < 40; seed++)
        {
            var options = new GenerationOptions { MaxNewTokens = 12, EosTokenId = [0], RepetitionPenalty = 1.3, EarlyStopping = EarlyStopping.AtOnce };
            SearchRequest request = Request(options, [[1, 2], [4, 4], [3, 1]], Vocabulary);
            IReadOnlyList<Generated> greedy = TokenSearch.Run(TableSource.Random(Vocabulary, seed), request);
            // The penalty looks at signs: greedy search gets log-probabilities too.
            TableSource logged = TableSource.Random(Vocabulary, seed);
            var normalized = new TableSource(Vocabulary, (text, token) =>
            {
                float[] scores = logged.Scores(text);
                ScoreMath.LogSoftmax(scores);
                return scores[token];
            });
            greedy = TokenSearch.Run(normalized, request);
            IReadOnlyList<Generated> beam = new BeamSearch(TableSource.Random(Vocabulary, seed), request, ProcessorChain.Of(request.Settings)).Run(TestContext.Current.CancellationToken);
            Assert.Equal(greedy.Select(text => text.Tokens), beam.Select(text => text.Tokens));
            Assert.Equal(greedy.Select(text => text.Reason), beam.Select(text => text.Reason));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_row_of_a_batch_is_the_row_alone(int beams)
    {
        int[][] prompts = [[2, 1], [1, 1], [4, 3], [3, 2], [2, 2]];
        for (int seed = 0; seed < 20; seed++)
        {
            var options = new GenerationOptions { MaxNewTokens = 10, EosTokenId = [0], NumBeams = beams, NoRepeatNgramSize = 3 };
            TableSource source = TableSource.Random(Vocabulary, seed);
            IReadOnlyList<Generated> together = Run(source, options, prompts);
            IReadOnlyList<Generated> alone = [.. prompts.SelectMany(prompt => Run(TableSource.Random(Vocabulary, seed), options, [prompt]))];
            Assert.Equal(alone.Select(text => text.Tokens), together.Select(text => text.Tokens));
            Assert.Equal(alone.Select(text => text.Score), together.Select(text => text.Score));
            // A row that has ended is not computed any more.
            Assert.Equal(source.Calls.Skip(1).OrderDescending(), source.Calls.Skip(1));
        }
    }

    [Fact]
    public void Draws_depend_on_seed_row_and_step_alone()
    {
        var options = new GenerationOptions { MaxNewTokens = 12, DoSample = true, NumReturnSequences = 3, Seed = 5 };
        IReadOnlyList<Generated> first = Run(TableSource.Random(Vocabulary, 1), options, [[1, 2], [3, 4]]), again = Run(TableSource.Random(Vocabulary, 1), options, [[1, 2], [3, 4]]);
        Assert.Equal(first.Select(text => text.Tokens), again.Select(text => text.Tokens));
        Assert.Equal([0, 0, 0, 1, 1, 1], first.Select(text => text.Prompt));
        IReadOnlyList<Generated> fewer = Run(TableSource.Random(Vocabulary, 1), options, [[1, 2]]);
        Assert.Equal(first.Take(3).Select(text => text.Tokens), fewer.Select(text => text.Tokens));
        Assert.Equal(3, fewer.Select(text => string.Join(' ', text.Tokens)).Distinct().Count());
        Assert.NotEqual(first[0].Tokens, Run(TableSource.Random(Vocabulary, 1), options with { Seed = 6 }, [[1, 2]])[0].Tokens);
    }

    [Fact]
    public void Drawn_beams_are_reproducible_and_texts_of_the_model()
    {
        var options = new GenerationOptions { MaxNewTokens = 6, DoSample = true, NumBeams = 3, NumReturnSequences = 3, EosTokenId = [0], TopK = 0, Seed = 1 };
        IReadOnlyList<Generated> first = Run(TableSource.Random(Vocabulary, 3), options, [[1, 2]]), again = Run(TableSource.Random(Vocabulary, 3), options, [[1, 2]]);
        Assert.Equal(first.Select(text => text.Tokens), again.Select(text => text.Tokens));
        Assert.Contains(Enumerable.Range(2, 20), seed => !Run(TableSource.Random(Vocabulary, 3), options with { Seed = seed }, [[1, 2]])[0].Tokens.SequenceEqual(first[0].Tokens));
        TableSource table = TableSource.Random(Vocabulary, 3);
        foreach (Generated text in first)
        {
            double sum = 0;
            var history = new List<int> { 1, 2 };
            foreach (int token in text.Tokens)
            {
                float[] scores = table.Scores(history);
                sum += scores[token] - ScoreMath.LogSumExp(scores);
                history.Add(token);
            }
            Assert.Equal(sum / text.Tokens.Length, text.Score!.Value, 1e-5);
        }
    }

    [Fact]
    public void Rules_that_leave_one_text_give_one_text()
    {
        var options = new GenerationOptions { MaxNewTokens = 3, NumBeams = 4, NumReturnSequences = 4, EosTokenId = [0], PrefixAllowedTokens = (_, tokens) => [tokens.Length == 3 ? 0 : tokens.Length] };
        IReadOnlyList<Generated> found = Run(TableSource.Random(Vocabulary, 2), options, [[1]]);
        Assert.Equal([[1, 2, 0]], found.Select(text => text.Tokens));
    }

    [Fact]
    public void A_model_of_no_numbers_is_an_error_unless_they_are_replaced()
    {
        TableSource Broken() => new(Vocabulary, (_, token) => token == 2 ? float.NaN : token);
        var options = new GenerationOptions { MaxNewTokens = 2 };
        foreach (GenerationOptions each in new[] { options, options with { NumBeams = 2 }, options with { DoSample = true, TopK = 0 } })
        {
            Assert.Contains("NaN", Assert.Throws<FineTuningException>(() => Run(Broken(), each, [[1]])).Message, StringComparison.Ordinal);
            Assert.Single(Run(Broken(), each with { RemoveInvalidValues = true }, [[1]]));
        }
        Assert.Equal([4, 4], Run(Broken(), options with { RemoveInvalidValues = true }, [[1]])[0].Tokens);
    }

    [Fact]
    public void Rules_that_leave_no_token_to_draw_are_an_error()
    {
        var options = new GenerationOptions { MaxNewTokens = 2, DoSample = true, SuppressTokens = [0, 1, 2, 3, 4] };
        Assert.Contains("no token is left", Assert.Throws<FineTuningException>(() => Run(TableSource.Random(Vocabulary, 1), options, [[1]])).Message, StringComparison.Ordinal);
        GenerationOptions empty = options with { SuppressTokens = null, PrefixAllowedTokens = (_, _) => [] };
        Assert.Contains("gave no token", Assert.Throws<FineTuningException>(() => Run(TableSource.Random(Vocabulary, 1), empty, [[1]])).Message, StringComparison.Ordinal);
        GenerationOptions beyond = empty with { PrefixAllowedTokens = (_, _) => [Vocabulary] };
        Assert.Contains($"gave {Vocabulary}", Assert.Throws<FineTuningException>(() => Run(TableSource.Random(Vocabulary, 1), beyond, [[1]])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelling_ends_a_search_between_two_tokens()
    {
        using var cancellation = new CancellationTokenSource();
        int told = 0;
        SearchRequest request = Request(new() { MaxNewTokens = 1000 }, [[1]], Vocabulary) with
        {
            OnToken = (_, _) =>
            {
                if (++told == 3) cancellation.Cancel();
            },
        };
        Assert.Throws<OperationCanceledException>(() => TokenSearch.Run(TableSource.Random(Vocabulary, 1), request, cancellation.Token));
        Assert.Equal(3, told);
    }

    internal static IReadOnlyList<Generated> Run(TableSource source, GenerationOptions options, int[][] prompts) =>
        TokenSearch.Run(source, Request(options, prompts, source.VocabularySize), TestContext.Current.CancellationToken);

    internal static SearchRequest Request(GenerationOptions options, int[][] prompts, int size)
    {
        GenerationSettings settings = GenerationSettings.Of(options, new(prompts[0].Length, size));
        return new(PromptRows.ForDecoder(prompts, null, null, settings.EndTokens), settings);
    }

    private static void Enumerate(TableSource source, int[] prompt, int[] text, double sum, int longest, int[] ends, List<(int[] Tokens, double Sum)> all)
    {
        float[] scores = source.Scores([.. prompt, .. text]);
        double total = ScoreMath.LogSumExp(scores);
        for (int token = 0; token < scores.Length; token++)
        {
            int[] longer = [.. text, token];
            double next = sum + scores[token] - total;
            if (longer.Length == longest || ends.Contains(token)) all.Add((longer, next));
            else Enumerate(source, prompt, longer, next, longest, ends, all);
        }
    }
}
