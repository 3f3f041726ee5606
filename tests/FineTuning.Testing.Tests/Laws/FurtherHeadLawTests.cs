using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Testing.Tests.Laws;

/// <summary>The laws over taggers, answers, sentence vectors and classifiers over decoders.</summary>
public sealed class FurtherHeadLawTests : IDisposable
{
    private readonly TinyCheckpoint _encoder = TinyCheckpoint.Encoder(Words.Texts), _decoder = TinyCheckpoint.Decoder(Words.Texts);

    public void Dispose()
    {
        _encoder.Dispose();
        _decoder.Dispose();
    }

    [Fact]
    public void A_tagger_learns_whole_entities()
    {
        using TokenClassifier model = Pretrained.TokenClassifier(_encoder.Folder, ["PER", "LOC"], new TokenClassifierOptions { FreshHead = true });
        FineTuneAssert.PaddingInvariant(model, Words.Sentences);
        FineTuneAssert.TargetsAddUp(model, Words.Sentences);
        FineTuneAssert.GradientsMatchDifferences(model, Words.Sentences);
        FineTuneAssert.BatchInvariant(model, ["the film of Anna Berg was good", "Max", "it was long in Old Town"]);
        FineTuneAssert.OverfitsOneBatch(model, Words.Sentences, one => one is AnnotatedText text
            && model.Predict(text.Text).Select(entity => (entity.Type, entity.Start, entity.End)).SequenceEqual(text.Spans.Select(span => (span.Type, span.Start, span.End))));
    }

    [Fact]
    public void Answers_are_found_where_they_stand()
    {
        using QuestionAnswerer model = Pretrained.QuestionAnswerer(_encoder.Folder, new QuestionAnswererOptions { FreshHead = true });
        FineTuneAssert.PaddingInvariant(model, Words.Questions);
        FineTuneAssert.OverfitsOneBatch(model, Words.Questions, one => model.Predict((one.Question, one.Context)).Text == one.Answers[0].Text, steps: 200);
        FineTuneAssert.SavesAndLoads(model, (one, folder) => one.Save(folder), folder => Pretrained.QuestionAnswerer(folder),
            one => Words.Questions.Select(question => one.Predict((question.Question, question.Context))).ToArray());
    }

    [Fact]
    public void Vectors_depend_on_their_text_alone()
    {
        using SentenceEncoder model = Pretrained.SentenceEncoder(_encoder.Folder);
        FineTuneAssert.BatchInvariant(model, ["a good film", "bad", "it was good and the end was good too"]);
        FineTuneAssert.SavesAndLoads(model, (one, folder) => one.Save(folder), folder => Pretrained.SentenceEncoder(folder), one => one.Encode(["a good film", "bad"]));
        FineTuneAssert.OverfitsOneBatch(model.With(SimilarityLoss.Triplet()), Words.Triples, one => model.Similarity(one.Anchor, one.Positive) > model.Similarity(one.Anchor, one.Negative));
    }

    [Fact]
    public void A_classifier_over_a_decoder_reads_the_last_token()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(_decoder.Folder, new TextClassifierOptions<string> { Labels = Words.Labels, FreshHead = true });
        FineTuneAssert.PaddingInvariant(model, Words.Reviews);
        FineTuneAssert.BatchInvariant(model, [.. Words.Reviews.Select(review => review.Text)]);
    }

    [Fact]
    public void A_masked_language_model_draws_and_learns()
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(_encoder.Folder);
        FineTuneAssert.GradientsMatchDifferences(model, [.. Words.Reviews.Select(review => review.Text)]);
    }
}
