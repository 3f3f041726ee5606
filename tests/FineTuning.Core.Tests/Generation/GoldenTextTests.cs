using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Stop strings and streams of a model with a tokenizer.</summary>
public sealed class GoldenTextTests
{
    private static readonly Lazy<PretrainedTokenizer> Tokenizer = new(() => PretrainedTokenizer.Load(GenerationGoldens.Require("text")));

    [Fact]
    public void A_stop_string_is_met_where_the_reference_meets_it() => ForEach("criterion", test =>
    {
        int[] ids = GenerationGoldens.Ids(test.GetProperty("ids"));
        string[] stops = [.. test.GetProperty("stop_strings").EnumerateArray().Select(stop => stop.GetString()!)];
        bool[] expected = [.. test.GetProperty("met").EnumerateArray().Select(met => met.GetBoolean())];
        return stops.Select(stop => new StopMatcher(Tokenizer.Value, [stop]).IsMet(ids)).SequenceEqual(expected) ? [] : ["another answer"];
    });

    [Theory]
    [InlineData("plain")]
    [InlineData("stop")]
    public void Texts_equal_the_reference(string kind)
    {
        GoldenModel model = GoldenModel.Require("text");
        ForEach(kind, test =>
        {
            GoldenRun run = GoldenRun.Of(model, test, Tokenizer.Value);
            string[] expected = [.. test.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
            // Without an end token the reference goes on writing behind a stop string: those texts are longer than ours.
            IEnumerable<string> texts = run.Texts.Select((text, i) => (Own: Tokenizer.Value.Decode(text.Tokens, skipSpecialTokens: true, cleanUp: false), Theirs: expected[i]))
                .Where(pair => run.Fill is null ? !pair.Theirs.StartsWith(pair.Own, StringComparison.Ordinal) : pair.Own != pair.Theirs).Select(pair => $"'{pair.Own}' instead of '{pair.Theirs}'");
            return GoldenComparison.Texts(test, run).Concat(GoldenComparison.Beams(test, run)).Concat(texts);
        });
    }

    [Fact]
    public void Pieces_of_a_stream_are_the_text()
    {
        GoldenModel model = GoldenModel.Require("text");
        ForEach("stream", test =>
        {
            GoldenRun run = GoldenRun.Of(model, test, Tokenizer.Value);
            bool skipsPrompt = test.GetProperty("streamer").TryGetProperty("skip_prompt", out JsonElement skip) && skip.GetBoolean();
            string expected = string.Concat(test.GetProperty("chunks").EnumerateArray().Select(chunk => chunk.GetString()));
            if (!skipsPrompt) expected = expected[Tokenizer.Value.Decode(run.Prompts[0].Tokens, skipSpecialTokens: false, cleanUp: false).Length..];
            var pieces = new List<string>();
            var stream = new TextPieces(Tokenizer.Value, run.Settings.EndTokens, pieces.Add);
            foreach (int token in run.Texts[0].Tokens) stream.Append(token);
            stream.Complete();
            // The reference waits for the end of a word; ours gives what is certain.
            Assert.True(pieces.Count > run.Texts[0].Tokens.Length / 2);
            return string.Concat(pieces) == expected ? [] : [$"'{string.Concat(pieces)}' instead of '{expected}'"];
        });
    }

    [Fact]
    public async Task A_stream_gives_the_text_while_it_is_made_and_ends_with_its_reader()
    {
        GoldenModel model = GoldenModel.Require("text");
        int[] prompt = Tokenizer.Value.Encode("Alice was").Ids.ToArray();
        GenerationOptions options = new GenerationOptions { MaxNewTokens = 30 }.Over(GenerationConfigFile.Read(GenerationGoldens.Require("text")).Options);
        int made = 0;
        IAsyncEnumerable<string> Stream() => BackgroundStream.Run<string>("generation", (emit, stop) =>
        {
            IReadOnlyList<SearchPrompt> prompts = PromptRows.ForDecoder([prompt], null, options.PadTokenId, options.EosTokenId!);
            GenerationSettings settings = GenerationSettings.Of(options, model.Bounds(prompts));
            var pieces = new TextPieces(Tokenizer.Value, settings.EndTokens, emit);
            using IScoreSource source = model.Open(null, null);
            TokenSearch.Run(source, new(prompts, settings) { OnToken = (_, token) => { Interlocked.Increment(ref made); pieces.Append(token); } }, stop);
            pieces.Complete();
        }, capacity: 1);
        var all = new List<string>();
        await foreach (string piece in Stream()) all.Add(piece);
        int whole = made;
        Assert.True(all.Count > 5 && whole > 5);
        made = 0;
        await foreach (string piece in Stream())
        {
            Assert.Equal(all[0], piece);
            break;
        }
        Assert.InRange(made, 1, whole - 1);
    }

    private static void ForEach(string kind, Func<JsonElement, IEnumerable<string>> check)
    {
        var differences = new List<string>();
        int count = 0;
        foreach (JsonElement test in GenerationGoldens.Lines(GenerationGoldens.RequireFile("text", "cases.jsonl")).Where(test => test.GetProperty("kind").GetString() == kind))
        {
            count++;
            differences.AddRange(check(test).Select(problem => $"{test.GetProperty("name").GetString()}: {problem}"));
        }
        Assert.True(count > 0, $"no case of the kind {kind}");
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences));
    }
}
