using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>No token of an example is lost in silence, and what is learned is what was asked for.</summary>
public sealed class CausalEncodingTests
{
    private static readonly string[] Words = ["Alice", "the", "Queen", "of", "hearts", "said", "tea", "'and", "a", "cat.'"];

    [Theory]
    [InlineData(PackingStrategy.None)]
    [InlineData(PackingStrategy.Whole)]
    [InlineData(PackingStrategy.Split)]
    [InlineData(PackingStrategy.Wrapped)]
    [InlineData(PackingStrategy.PaddingFree)]
    public void Tokens_in_are_trained_or_reported(PackingStrategy packing)
    {
        PretrainedTokenizer tokenizer = Tokenizer();
        var random = new Random(3);
        foreach (LearnedTokens learned in Enum.GetValues<LearnedTokens>())
        {
            var report = new EncodingReport();
            var encoding = new CausalEncoding(tokenizer, new CausalRules(24, learned, LostTargets.Refuse, packing));
            long given = 0;
            var texts = new List<EncodedRow>();
            for (int i = 0; i < 60; i++)
            {
                string prompt = Text(random, 1, 4), completion = Text(random, 1, 30);
                given += encoding.Split(prompt, " " + completion).Ids.Length;
                texts.Add(encoding.Encode(new PromptCompletion(prompt, " " + completion), report)!);
                string plain = Text(random, 1, 40);
                given += tokenizer.Encode(plain).Ids.Length + 1;
                texts.Add(encoding.Encode(plain, report)!);
            }
            CausalRow[] rows = [.. CausalPacking.Rows(texts, 24, packing).Cast<CausalRow>()];
            long trained = rows.Sum(row => (long)row.Targets), context = rows.Sum(row => (long)row.Learned.Count(value => !value));
            long firsts = rows.Sum(row => (long)row.Starts.Count(start => row.Learned[start])), ownFirsts = texts.Cast<CausalRow>().Count(row => row.Learned[0]);
            Assert.Equal(given, trained + context + firsts + report.Summary().TruncatedTokens);
            Assert.Equal(rows.Sum(row => row.TargetCount), trained);
            if (packing == PackingStrategy.Split) Assert.Equal(firsts - ownFirsts, report.Summary().Notes.Where(note => note.Key.Contains("piece", StringComparison.Ordinal)).Sum(note => note.Value));
            else if (packing != PackingStrategy.Wrapped) Assert.Equal(ownFirsts, firsts);
            if (packing is PackingStrategy.Split or PackingStrategy.Wrapped) Assert.Equal(0, report.Summary().TruncatedTokens);
        }
    }

    [Theory]
    [InlineData(48)]
    [InlineData(400)]
    public void Tokens_of_conversations_are_trained_or_reported(int length)
    {
        PretrainedTokenizer tokenizer = Tokenizer();
        var random = new Random(5);
        foreach (LearnedTokens learned in Enum.GetValues<LearnedTokens>())
        {
            var report = new EncodingReport();
            var encoding = new CausalEncoding(tokenizer, new CausalRules(length, learned, LostTargets.Skip, PackingStrategy.Whole));
            (long given, int skipped) = (0, 0);
            var texts = new List<EncodedRow>();
            for (int i = 0; i < 60; i++)
            {
                var chat = new Conversation([.. Enumerable.Range(0, random.Next(1, 4)).SelectMany(_ => new ChatTurn[] { new("user", Text(random, 1, 6)), new("assistant", Text(random, 1, 12)) })]);
                if (encoding.Encode(chat, report) is { } row)
                {
                    texts.Add(row);
                    given += ConversationMask.Chat(tokenizer, chat).Ids.Length;
                }
                else
                {
                    skipped++;
                }
            }
            CausalRow[] rows = [.. CausalPacking.Rows(texts, length, PackingStrategy.Whole).Cast<CausalRow>()];
            long firsts = rows.Sum(row => (long)row.Starts.Count(start => row.Learned[start]));
            Assert.Equal(given, rows.Sum(row => (long)row.Targets + row.Learned.Count(value => !value)) + firsts + report.Summary().TruncatedTokens);
            Assert.Equal(skipped, report.Summary().Skipped.GetValueOrDefault(CausalEncoding.NothingToLearn));
            Assert.Equal(length == 48, report.Summary().TruncatedTokens > 0);
        }
    }

    [Fact]
    public void Tokens_of_sources_and_targets_are_read_and_written_or_reported()
    {
        const int Source = 7, Target = 5;
        using TextToText model = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"), new TextToTextOptions { MaximumSourceLength = Source, MaximumTargetLength = Target });
        var (random, report, given, kept) = (new Random(7), new EncodingReport(), 0L, 0L);
        for (int i = 0; i < 60; i++)
        {
            var pair = new SourceTarget(Text(random, 1, 8), Text(random, 1, 8));
            var row = Assert.IsType<SourceTargetRow>(model.Encode(pair, report));
            given += model.Tokenizer.EncodeIds(pair.Source).Length + model.Tokenizer.EncodeIds(pair.Target).Length;
            kept += row.Source.Length + row.Target.Length;
            Assert.True(row.Source.Length <= Source && row.Target.Length <= Target);
            Assert.Equal(model.Tokenizer.EndId, row.Target[^1]);
        }
        Assert.Equal(given, kept + report.Summary().TruncatedTokens);
        Assert.True(report.Summary().TruncatedTokens > 0);
    }

    [Fact]
    public void A_row_whose_targets_were_cut_away_is_an_error_that_names_it()
    {
        var encoding = new CausalEncoding(Tokenizer(), new CausalRules(8, LearnedTokens.Answers, LostTargets.Refuse, PackingStrategy.None));
        string prompt = string.Join(' ', Enumerable.Repeat("Queen", 20));
        TrainingDataException fault = Assert.Throws<TrainingDataException>(() => encoding.Encode(new PromptCompletion(prompt, " tea"), new EncodingReport()));
        Assert.Contains("Queen", fault.Message, StringComparison.Ordinal);
        Assert.Contains("a row has 8", fault.Message, StringComparison.Ordinal);
        Assert.Contains("LostTargets", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Or_it_is_skipped_and_counted()
    {
        var encoding = new CausalEncoding(Tokenizer(), new CausalRules(8, LearnedTokens.Answers, LostTargets.Skip, PackingStrategy.None));
        var report = new EncodingReport();
        Assert.Null(encoding.Encode(new PromptCompletion(string.Join(' ', Enumerable.Repeat("Queen", 20)), " tea"), report));
        Assert.Equal(1, report.Summary().Skipped[CausalEncoding.NothingToLearn]);
        Assert.Equal(0, report.Summary().TruncatedTokens);
    }

    [Fact]
    public void No_pair_leaves_with_an_empty_completion_whatever_the_maximal_length()
    {
        var pair = new PreferencePair("Alice said tea and the Queen", " of hearts", " and a cat");
        for (int length = 1; length < 60; length++)
        {
            var encoding = new PreferenceEncoding(new CausalEncoding(Tokenizer(), new CausalRules(length, LearnedTokens.Answers, LostTargets.Skip, PackingStrategy.None)), new PreferenceLint());
            var report = new EncodingReport();
            if (encoding.Encode(pair, report) is { } row)
            {
                Assert.True(row.Chosen.Targets > 0 && row.Rejected.Targets > 0);
                Assert.True(row.Chosen.Length <= length && row.Rejected.Length <= length);
            }
            else
            {
                Assert.Equal(1, report.Summary().Skipped[CausalEncoding.NothingToLearn]);
            }
        }
    }

    [Fact]
    public void Of_a_conversation_every_answer_the_last_or_those_behind_the_prompt_are_learned()
    {
        ChatTurn[] turns = [new("user", "tea"), new("assistant", "Alice"), new("user", "cat"), new("assistant", "Queen")];
        Assert.Equal("Alice<|im_end|>Queen<|im_end|>", Learned(new Conversation(turns), LearnedTokens.Answers));
        Assert.Equal("Queen<|im_end|>", Learned(new Conversation(turns), LearnedTokens.Completion));
        Assert.Equal("Queen<|im_end|>", Learned(new Conversation(turns) { PromptTurns = 2 }, LearnedTokens.Answers));
        turns[1] = turns[1].With("loss_weight", 0.0);
        Assert.Equal("Queen<|im_end|>", Learned(new Conversation(turns), LearnedTokens.Answers));
        turns[3] = turns[3].With("weight", 1);
        Assert.Equal("Queen<|im_end|>", Learned(new Conversation(turns), LearnedTokens.Answers));
        turns[3] = turns[3].With("weight", 0.5);
        Assert.Throws<TrainingDataException>(() => Learned(new Conversation(turns), LearnedTokens.Answers));
    }

    [Fact]
    public void Records_that_cannot_be_learned_from_are_errors()
    {
        var encoding = new CausalEncoding(Tokenizer(), new CausalRules(64, LearnedTokens.Answers, LostTargets.Refuse, PackingStrategy.None));
        var report = new EncodingReport();
        Assert.Throws<TrainingDataException>(() => encoding.Encode(new Conversation([]), report));
        Assert.Throws<TrainingDataException>(() => encoding.Encode(new Conversation([new("user", "tea")]), report));
        Assert.Throws<TrainingDataException>(() => encoding.Encode(new Conversation([new("user", "tea"), new("assistant", "x")]) { PromptTurns = 3 }, report));
        Assert.Throws<TrainingDataException>(() => encoding.Encode(new PromptCompletion("x", ""), report));
        Assert.Throws<TrainingDataException>(() => encoding.Encode(new PromptCompletion("x", new ChatTurn[] { new("assistant", "y") }), report));
        Assert.Throws<TrainingDataException>(() => encoding.Encode((string)null!, report));
        Assert.Throws<TrainingDataException>(() => encoding.Encode(new PromptCompletion(null!, "x"), report));
    }

    [Fact]
    public void A_tokenizer_without_an_end_token_is_refused()
    {
        string starter = Goldens.Starter;
        InvalidOptionsException fault = Assert.Throws<InvalidOptionsException>(() => new CausalEncoding(PretrainedTokenizer.Load(starter), new CausalRules(8, LearnedTokens.Answers, LostTargets.Refuse, PackingStrategy.None)));
        Assert.Contains("eos_token", fault.Message, StringComparison.Ordinal);
    }

    private static string Learned(Conversation conversation, LearnedTokens learned)
    {
        PretrainedTokenizer tokenizer = Tokenizer();
        CausalRow row = new CausalEncoding(tokenizer, new CausalRules(256, learned, LostTargets.Refuse, PackingStrategy.None)).Encode(conversation, new EncodingReport())!;
        return tokenizer.Decode([.. row.TokenIds.Where((_, i) => row.Learned[i])], skipSpecialTokens: false);
    }

    private static string Text(Random random, int least, int most) => string.Join(' ', Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => Words[random.Next(Words.Length)]));

    private static PretrainedTokenizer Tokenizer() => PretrainedTokenizer.Load(Goldens.Require("preference", "tokenizer"));
}
