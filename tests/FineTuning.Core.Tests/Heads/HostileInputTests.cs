using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Records and texts that nobody should give, to every head: an error names the record and what is wrong with it; a strange text is answered.</summary>
public sealed class HostileInputTests
{
    private static readonly string Starter = Goldens.Starter;

    /// <summary>Nothing, white space, control characters, halves of pairs, marks without a letter, one endless word, right to left, special tokens, a rocket.</summary>
    private static readonly string[] Strange =
    [
        "", " ", "\0", "\ud83d", "a\udc00b", "\u0301\u0302", new string('x', 20_000), "\u202eabc\u202c", "[CLS] [SEP] [MASK] [PAD]", "🚀🚀", "\r\n\t", "中文", string.Join(' ', Enumerable.Repeat("word", 3000)),
    ];

    [Fact]
    public void Strange_texts_are_answered_by_every_head()
    {
        using (TextClassifier<bool> model = Pretrained.TextClassifier<bool>(Starter)) Assert.All(model.PredictBatch(Strange), answer => Assert.InRange(answer.Confidence, 0.5, 1));
        using (TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"] }))
        {
            Assert.All(model.PredictBatch(Strange), answer => Assert.All(answer.Scores, score => Assert.InRange(score.Score, 0, 1)));
        }
        using (TextRegressor model = Pretrained.TextRegressor(Starter)) Assert.All(model.PredictBatch(Strange), answer => Assert.True(double.IsFinite(answer.Score)));
        foreach (bool crf in new[] { false, true })
        {
            using TokenClassifier model = Pretrained.TokenClassifier(Starter, ["PER"], new TokenClassifierOptions { Crf = crf });
            foreach ((string text, IReadOnlyList<Entity> entities) in Strange.Zip(model.PredictBatch(Strange)))
            {
                Assert.All(entities, entity => Assert.Equal(text[entity.Start..entity.End], entity.Text));
                Assert.All(entities, entity => Assert.InRange(entity.Score, 0, 1));
            }
            Assert.Equal(Strange.Length, model.Tag(Strange).Words.Count);
            Assert.Empty(model.Tag().Words);
            if (crf) continue;
            foreach (EntityAggregation way in Enum.GetValues<EntityAggregation>()) Assert.Equal(Strange.Length, model.PredictBatch(Strange, new EntityOptions { Aggregation = way }).Count);
        }
        using (QuestionAnswerer model = Pretrained.QuestionAnswerer(Starter, new QuestionAnswererOptions { AllowsNoAnswer = true }))
        {
            foreach (string text in Strange)
            {
                AnswerSpan answer = model.Predict("where is it?", text);
                Assert.Equal(text[answer.Start..answer.End], answer.Text);
                Assert.InRange(answer.Probability, 0, 1);
            }
        }
        using (SentenceEncoder model = Pretrained.SentenceEncoder(Starter)) Assert.All(model.Encode(Strange), vector => Assert.All(vector, value => Assert.True(float.IsFinite(value))));
        using (MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter))
        {
            Assert.All(Strange, text => Assert.NotEmpty(model.Predict("[MASK] " + text).Masks));
        }
    }

    [Fact]
    public void An_empty_list_is_answered_with_an_empty_list()
    {
        using TextClassifier<bool> classifier = Pretrained.TextClassifier<bool>(Starter);
        using TokenClassifier tagger = Pretrained.TokenClassifier(Starter, ["PER"]);
        using QuestionAnswerer answerer = Pretrained.QuestionAnswerer(Starter);
        using SentenceEncoder sentences = Pretrained.SentenceEncoder(Starter);
        using MaskedLanguageModel masked = Pretrained.MaskedLanguageModel(Starter);
        Assert.Empty(classifier.PredictBatch(Array.Empty<string>()));
        Assert.Empty(tagger.PredictBatch([]));
        Assert.Empty(answerer.PredictBatch([]));
        Assert.Empty(sentences.Encode([]));
        Assert.Empty(masked.PredictBatch([]));
    }

    [Fact]
    public void Bad_records_are_named_with_what_was_found()
    {
        using (TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["yes", "no"] }))
        {
            var good = new LabeledText<string>("good", "yes");
            Refused(model, good, good with { Label = "maybe" }, "'maybe'", "yes, no");
            Refused(model, good, good with { Label = null! }, "no label", "\"good\"");
            Refused(model, good, good with { Text = null! }, "no text");
            Refused(model, good, good with { Weight = double.NaN }, "NaN", "above 0");
            Refused(model, good, good with { Weight = -1 }, "-1");
            Refused(model, good, null!, "null");
        }
        using (TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["yes", "no"] }))
        {
            var good = new MultiLabeledText<string>("good", ["yes"]);
            Refused(model, good, good with { Labels = ["yes", "maybe"] }, "'maybe'", "yes, no");
            Refused(model, good, good with { Labels = null! }, "labels");
            Refused(model, good, good with { Text = null! }, "no text");
            Refused(model, good, good with { Weight = double.PositiveInfinity }, "above 0 and finite");
        }
        using (TextRegressor model = Pretrained.TextRegressor(Starter))
        {
            var good = new ScoredText("good", 1);
            Refused(model, good, good with { Score = double.NaN }, "NaN", "finite");
            Refused(model, good, good with { Text = null! }, "no text");
        }
        using (TokenClassifier model = Pretrained.TokenClassifier(Starter, ["PER"]))
        {
            var good = new TaggedWords(["Ada", "met"], ["B-PER", "O"]);
            Refused<TaggedText>(model, good, good with { Tags = ["B-PER"] }, "1 tags for the 2 words", "Ada met");
            Refused<TaggedText>(model, good, good with { Tags = ["B-LOC", "O"] }, "'B-LOC'", "B-PER");
            Refused<TaggedText>(model, good, good with { Tags = null! }, "no tags");
            Refused<TaggedText>(model, good, good with { Tags = ["O", null!] }, "null");
            Refused<TaggedText>(model, good, good with { Words = ["Ada", null!] }, "word 1", "null");
            Refused<TaggedText>(model, good, good with { Words = null! }, "no words");
            Refused<TaggedText>(model, good, good with { Weight = double.NaN }, "NaN");
            Refused<TaggedText>(model, good, new AnnotatedText("Ada", [new("PER", 2, 1)]), "from 2 to 1", "3 characters");
            Refused<TaggedText>(model, good, new AnnotatedText("Ada", null!), "spans");
            Refused<TaggedText>(model, good, new AnnotatedText(null!, []), "no text");
        }
        using (QuestionAnswerer model = Pretrained.QuestionAnswerer(Starter, new QuestionAnswererOptions { MismatchedAnswers = MismatchedAnswers.Refuse }))
        {
            var good = new AnsweredQuestion("who?", "Ada met Alan", new GivenAnswer("Ada", 0)) { Id = "q7" };
            Refused(model, good, good with { Answers = [new("Ada", 4)] }, "\"Ada\"", "q7", "MismatchedAnswers");
            Refused(model, good, good with { Answers = [] }, "no answer", "AllowsNoAnswer");
            Refused(model, good, good with { Answers = null! }, "answers");
            Refused(model, good, good with { Answers = [new(null!, 0)] }, "null");
            Refused(model, good, good with { Context = null! }, "no text");
            Refused(model, good, good with { Question = null! }, "no question");
            Refused(model, good, good with { Weight = 0 }, "the weight 0");
        }
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(Starter);
        Refused(encoder.With(SimilarityLoss.CosineSimilarity()), new("a", "b", 1), new("a", "b", 5), "score 5", "CoSent");
        Refused(encoder.With(SimilarityLoss.CosineSimilarity()), new("a", "b", 1), new("a", "b", double.NaN), "NaN");
        Refused(encoder.With(SimilarityLoss.MultipleNegatives()), new("a", "b"), new("a", null!), "null");
        Refused(encoder.With(SimilarityLoss.MarginError()), new("a", "b", "c") { Margin = 1 }, new("a", "b", "c"), "Margin");
        Refused(encoder.With(SimilarityLoss.SupervisedContrastive(["x", "y"])), new("a", "x"), new("a", "z"), "'z'", "x, y");
    }

    [Fact]
    public void A_few_shot_classifier_names_its_record_too()
    {
        using FewShotClassifier<string> model = Pretrained.FewShotClassifier(Starter, new FewShotOptions<string> { PairsPerText = 0, Labels = ["x", "y"] });
        string Failure(params LabeledText<string>[] data) => Assert.Throws<TrainingDataException>(() => model.Train(data)).Message;
        Assert.Contains("record 1", Failure(new("a", "x"), new("b", "z")), StringComparison.Ordinal);
        Assert.Contains("record 1", Failure(new("a", "x"), new(null!, "y")), StringComparison.Ordinal);
        Assert.Contains("two or more", Failure(new("a", "x"), new("b", "x")), StringComparison.Ordinal);
        Assert.Contains("call Train", Assert.Throws<InvalidOperationException>(() => model.Predict("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_violations_of_options_are_reported_together()
    {
        int Violations(Action load) => Assert.Throws<InvalidOptionsException>(load).Violations.Count;
        Assert.Equal(6, Violations(() => Pretrained.TokenClassifier(Starter, ["PER"], new() { MaximumLength = 1, Dropout = 1, LabelSmoothing = 1, Crf = true, ContextTokens = -1, WindowOverlap = -1 })));
        Assert.Equal(5, Violations(() => Pretrained.QuestionAnswerer(Starter, new() { Stride = -1, CandidateCount = 0, LongestAnswer = 0, NoAnswerThreshold = double.NaN, Dropout = 2 })));
        Assert.Equal(4, Violations(() => Pretrained.MaskedLanguageModel(Starter, new() { Probability = 1, MaskedShare = -1, RandomShare = 2, MaximumLength = 0 })));
        Assert.Equal(3, Violations(() => Pretrained.SentenceEncoder(Starter, new() { Pooling = [], MaximumLength = 0, Dropout = -1 })));
        Assert.Equal(5, Violations(() => Pretrained.FewShotClassifier(Starter, new FewShotOptions<string> { PairsPerText = -1, Epochs = 0, BatchSize = 0, LearningRate = 0, HeadFit = double.NaN })));
        Assert.Equal(4, Violations(() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"], LabelSmoothing = 1, FocalGamma = -1, MaximumLength = 0, Dropout = 1 })));
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(Starter);
        Assert.Equal(3, Violations(() => encoder.With(SimilarityLoss.Triplet(-1, (TripletDistance)9), chunkSize: 0)));
        Assert.Equal(1, Violations(() => encoder.With(SimilarityLoss.CosineEmbedding(1))));
    }

    private static void Refused<TExample>(TunableModel<TExample> model, TExample good, TExample bad, params string[] parts)
    {
        string message = Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Steps(1).Train([good, bad])).Message;
        Assert.StartsWith("record 1 of the training data", message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
