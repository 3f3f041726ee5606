using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads.Tagging;

/// <summary>Words, tokens and windows: every word has one label or a reason, is learned once, and padding, order and windows change nothing.</summary>
public sealed class TaggingLawTests
{
    private static readonly string[] Vocabulary = ["Ada", "met", "Alan", "in", "Liechtenstein", ",", "Zürich's", "北京", "🚀", "U.S.", "\u200b", "e\u0301", "the", "unbelievable", "x"];

    public static TheoryData<string> Folders() => GoldenTaggingTests.Folders();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Every_word_has_one_label_in_one_window(string name)
    {
        using TokenClassifier model = Open(name, new() { MaximumLength = 24 });
        var random = new Random(3);
        foreach (LabeledTokens labeled in Enum.GetValues<LabeledTokens>())
        {
            TaggingEncoder encoder = model.Sentences(0, labeled, 6);
            for (int trial = 0; trial < 60; trial++)
            {
                string[] words = Draw(random, trial);
                EncodedSentence sentence = encoder.Words(words, [], []);
                TokenizedText tokens = model.Tokenizer.EncodeWords(words);
                int[] expected = [.. Enumerable.Range(0, tokens.Ids.Length).Where(i => !tokens.Special[i] && (labeled == LabeledTokens.All || i == 0 || tokens.Special[i - 1] || tokens.WordIds[i] != tokens.WordIds[i - 1]))];
                Assert.Equal(expected.Select(i => tokens.WordIds[i]), sentence.Units.Select(unit => unit.Word));
                Assert.Equal(Enumerable.Range(0, expected.Length), sentence.Windows.SelectMany(window => window.Owned.Select(owned => owned.Unit)));
                foreach (SentenceWindow window in sentence.Windows)
                {
                    Assert.InRange(window.Length, 3, 24);
                    Assert.All(window.Owned, owned => Assert.Equal(tokens.Ids[expected[owned.Unit]], window.TokenIds[owned.Position]));
                }
                Assert.Equal(words, sentence.Words.Select(word => sentence.Text[word.Start..word.End]));
            }
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Words_of_a_text_have_tokens_and_do_not_overlap(string name)
    {
        using TokenClassifier model = Open(name, new());
        var random = new Random(4);
        for (int trial = 0; trial < 60; trial++)
        {
            string text = (trial % 3 == 0 ? "  " : "") + string.Join(trial % 2 == 0 ? " " : "", Draw(random, trial));
            EncodedSentence sentence = model.SentenceOf(text);
            Assert.Equal(Enumerable.Range(0, sentence.Words.Length), sentence.Units.Select(unit => unit.Word));
            int at = 0;
            foreach (WordSpan word in sentence.Words)
            {
                Assert.InRange(word.Start, at, text.Length);
                Assert.True(word.End > word.Start);
                Assert.Equal(text[word.Start..word.End].Trim(), text[word.Start..word.End]);
                at = word.End;
            }
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Padding_order_and_window_size_change_nothing_where_a_window_holds_the_sentence(string name)
    {
        using TokenClassifier wide = Open(name, new()), narrow = Open(name, new() { MaximumLength = 40 });
        var random = new Random(5);
        string[][] sentences = [.. Enumerable.Range(0, 12).Select(i => Draw(random, 1 + (i % 5))), []];
        TaggedText[] inputs = [.. sentences.Select(words => new TaggedWords(words, []))];
        IReadOnlyList<TaggedPrediction> together = wide.Tag(inputs), turned = wide.Tag([.. inputs.Reverse()]), smaller = narrow.Tag(inputs);
        for (int i = 0; i < inputs.Length; i++)
        {
            Same(wide.Tag([inputs[i]])[0], together[i]);
            Same(turned[^(i + 1)], together[i]);
            Same(smaller[i], together[i]);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Context_is_read_but_not_answered(string name)
    {
        using TokenClassifier model = Open(name, new() { ContextTokens = 8 });
        string[] words = ["Ada", "met", "Alan"];
        var alone = new TaggedWords(words, ["O", "O", "O"]);
        TaggedWords inside = alone with { Before = ["the", "x", "in"], After = ["unbelievable", "Liechtenstein"] };
        IReadOnlyList<TaggedPrediction> answers = model.Tag([alone, inside]);
        Assert.Equal(words, answers[1].Words.Select(word => word.Word));
        Assert.NotEqual(answers[0].Words.Select(word => word.Score), answers[1].Words.Select(word => word.Score));
        var text = new AnnotatedText("Ada met Alan", []) { Before = ["the x in"], After = ["unbelievable Liechtenstein"] };
        TaggedPrediction answer = model.Tag([text])[0];
        Assert.Equal([(0, 3), (4, 7), (8, 12)], answer.Words.Select(word => (word.Start, word.End)));
        EncodedSentence sentence = model.Sentences(8, LabeledTokens.First, null).Words(words, [.. Enumerable.Repeat("x", 40)], [.. Enumerable.Repeat("x", 40)]);
        Assert.Equal(model.Sentences(0, LabeledTokens.First, null).Words(words, [], []).Windows[0].Length + 16, Assert.Single(sentence.Windows).Length);
    }

    [Fact]
    public void Answers_are_well_formed_whatever_the_scores_are()
    {
        foreach (TaggingScheme scheme in new[] { TaggingScheme.Iob2, TaggingScheme.Ioe2, TaggingScheme.Iobes, TaggingScheme.Bilou })
        {
            string folder = Goldens.Require("pipelines", "bert-tokens");
            using TokenClassifier model = Pretrained.TokenClassifier(folder, ["PER", "LOC"], new() { Scheme = scheme, FreshHead = true, Dropout = 0 });
            var random = new Random(8);
            var scores = new float[40][];
            for (int i = 0; i < scores.Length; i++) scores[i] = [.. Enumerable.Range(0, (1 + (i % 9)) * model.Tags.Count).Select(_ => (float)(random.NextDouble() * 6))];
            foreach (int[] best in model.Decoder.Best(scores, model.Device)) Assert.Empty(TagSequence.Problems([.. best.Select(place => model.Tags.Names[place])], scheme));
        }
    }

    [Fact]
    public void What_is_wrong_is_said()
    {
        string folder = Goldens.Require("pipelines", "bert-tokens");
        using TokenClassifier model = Pretrained.TokenClassifier(folder), strict = Pretrained.TokenClassifier(folder, null, new() { BrokenTags = BrokenTags.Refuse });
        var report = new EncodingReport();
        Assert.NotNull(model.Encode(new TaggedWords(["a", "b"], ["O", "I-PER"]), report));
        Assert.Contains(report.Summary().Notes, note => note.Key.Contains("not well formed in IOB2", StringComparison.Ordinal) && note.Value == 1);
        Refused(strict, new TaggedWords(["a", "b"], ["O", "I-PER"]), "I-PER after O");
        Refused(model, new TaggedWords(["a"], ["B-ORG"]), "'B-ORG'");
        Refused(model, new TaggedWords(["a"], ["E-PER"]), "E-PER is no IOB2 tag");
        Refused(model, new TaggedWords(["a", "b"], ["O"]), "1 tags for the 2 words");
        Refused(model, new AnnotatedText("Ada", [new("PER", 0, 9)]), "no part of the 3 characters");
        Refused(model, new AnnotatedText("Ada met", [new("PER", 0, 5), new("LOC", 3, 7)]), "overlap");
        Assert.NotNull(model.Encode(new AnnotatedText("Adams met", [new("PER", 0, 3)]), report));
        Assert.Contains(report.Summary().Notes, note => note.Key.Contains("widened", StringComparison.Ordinal));
        Assert.Null(model.Encode(new TaggedWords([], []), report));
        Assert.Equal(1, report.Summary().Skipped.Values.Sum());
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TokenClassifier(folder, ["PER"], new() { Tags = ["O", "X"] }));
        Assert.Throws<InvalidOptionsException>(() => model.PredictBatch(["x"], new EntityOptions { Stride = -1 }));
        using TokenClassifier chained = Pretrained.TokenClassifier(folder, null, new() { Crf = true });
        Assert.Throws<InvalidOptionsException>(() => chained.PredictBatch(["x"], new EntityOptions { Aggregation = EntityAggregation.Simple }));
    }

    private static void Refused(TokenClassifier model, TaggedText example, string part) =>
        Assert.Contains(part, Assert.Throws<TrainingDataException>(() => model.Encode(example, new EncodingReport())).Message, StringComparison.Ordinal);

    private static void Same(TaggedPrediction expected, TaggedPrediction found)
    {
        Assert.Equal(expected.Words.Select(word => (word.Word, word.Tag, word.Start, word.End)), found.Words.Select(word => (word.Word, word.Tag, word.Start, word.End)));
        Assert.All(expected.Words.Zip(found.Words), pair => Assert.Equal(pair.First.Score, pair.Second.Score, 1e-4));
    }

    private static string[] Draw(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => Vocabulary[random.Next(Vocabulary.Length)])];

    private static TokenClassifier Open(string name, TokenClassifierOptions options)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        return Pretrained.TokenClassifier(folder, null, options);
    }
}
