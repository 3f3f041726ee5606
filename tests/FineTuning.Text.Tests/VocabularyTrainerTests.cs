using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

public sealed class VocabularyTrainerTests
{
    private static readonly string[] Texts =
    [
        "low low low low low lower lower newest newest newest newest newest newest widest widest widest", "Größe, naïve, 中国 and \"quotes\"", "the lowest of the newest",
    ];

    [Fact]
    public void Merges_follow_the_frequencies()
    {
        TrainedVocabulary vocabulary = VocabularyTrainer.WordPiece(Texts, new VocabularyOptions { Size = 60, MinimumFrequency = 5 });
        Assert.Equal(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], vocabulary.Entries.Take(5));
        // e-s and s-t occur 11 times each; e-s was met first, then es-t, then l-o and lo-w.
        Assert.Contains("##est", vocabulary.Entries);
        Assert.Contains("low", vocabulary.Entries);
        Assert.DoesNotContain("widest", vocabulary.Entries);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_files_open_and_read_their_own_texts_without_loss(bool pieces)
    {
        var options = new VocabularyOptions { Size = 400 };
        TrainedVocabulary vocabulary = pieces ? VocabularyTrainer.WordPiece(Texts, options) : VocabularyTrainer.BytePair(Texts, options);
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            vocabulary.Save(folder);
            PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
            foreach (string text in Texts)
            {
                TokenizedText tokens = tokenizer.Encode(text);
                Assert.DoesNotContain(tokenizer.UnknownId ?? -1, tokens.Ids);
                if (!pieces) Assert.Equal(text, tokenizer.Decode(tokens.Ids, skipSpecialTokens: true));
            }
            Directory.GetFiles(folder, "tokenizer.json").ToList().ForEach(File.Delete);
            PretrainedTokenizer slow = PretrainedTokenizer.Load(folder);
            Assert.All(Texts, text => Assert.Equal(tokenizer.Encode(text).Ids, slow.Encode(text).Ids));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_same_texts_give_the_same_vocabulary() =>
        Assert.Equal(VocabularyTrainer.BytePair(Texts).Entries, VocabularyTrainer.BytePair(Texts).Entries);

    [Fact]
    public void Byte_level_words_are_learned_with_the_space_before_them() => Assert.Contains("\u0120newest", VocabularyTrainer.BytePair(Texts).Entries);

    [Fact]
    public void Nothing_to_learn_from_is_an_error()
    {
        Assert.Throws<TrainingDataException>(() => VocabularyTrainer.WordPiece([" ", ""]));
        Assert.Throws<InvalidOptionsException>(() => VocabularyTrainer.BytePair(Texts, new VocabularyOptions { Size = 100 }));
    }
}
