using FineTuning.Examples;
using FineTuning.Heads;

namespace FineTuning.Benchmarks.Suites;

/// <summary>The five jobs on the same texts: what differs is the head, its targets and its loss.</summary>
internal static class HeadTasks
{
    private const string Question = "What is named?";
    private static readonly string[] Types = ["PER", "LOC", "ORG"];

    /// <summary>Texts of about a number of words, made of the sample's sentences one after another; a different order for each.</summary>
    public static string[][] Texts(int count, int words)
    {
        string[][] sentences = [.. SuiteModel.Sentences.Select(row => row.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        var texts = new string[count][];
        int next = 0;
        for (int i = 0; i < count; i++)
        {
            // Lengths vary as real ones do: from half of it to one and a half.
            int wanted = Math.Max(1, (words / 2) + (i * 37 % (words + 1)));
            var text = new List<string>();
            while (text.Count < wanted) text.AddRange(sentences[next++ * 7 % sentences.Length]);
            texts[i] = [.. text.Take(wanted)];
        }
        return texts;
    }

    /// <summary>One head by its name; it is the caller's.</summary>
    public static HeadStep Make(string name, string folder, string[][] texts, int batchSize)
    {
        string[] plain = [.. texts.Select(words => string.Join(' ', words))];
        switch (name)
        {
            case "classification" or "plain":
                var classifier = Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { MaximumLength = 256, FreshHead = true, Labels = SuiteModel.Labels });
                IEnumerable<LabeledText<string>> labeled = plain.Select((text, i) => new LabeledText<string>(text, SuiteModel.Labels[i % SuiteModel.Labels.Length]));
                return name == "plain" ? HeadStep.Of(name, new PlainClassification(classifier), labeled, batchSize) : HeadStep.Of(name, classifier, labeled, batchSize);
            case "tagging" or "tagging-crf":
                var tagger = Pretrained.TokenClassifier(folder, Types, new TokenClassifierOptions { MaximumLength = 256, FreshHead = true, Crf = name == "tagging-crf" });
                return HeadStep.Of(name, tagger, texts.Select(words => (TaggedText)new TaggedWords(words, [.. words.Select((_, i) => i % 7 == 3 ? $"B-{Types[i % 3]}" : "O")])), batchSize);
            case "answering":
                var answerer = Pretrained.QuestionAnswerer(folder, new QuestionAnswererOptions { MaximumLength = 256, FreshHead = true });
                return HeadStep.Of(name, answerer, texts.Zip(plain, (words, text) => new AnsweredQuestion(Question, text, new GivenAnswer(words[0], 0))), batchSize);
            case "similarity":
                SentenceEncoder encoder = Pretrained.SentenceEncoder(folder, new SentenceEncoderOptions { MaximumLength = 256 });
                // Two texts an example: half as many examples are as many rows.
                return HeadStep.Of(name, encoder.With(SimilarityLoss.MultipleNegatives()), plain.Chunk(2).Where(pair => pair.Length == 2).Select(pair => new PositivePair(pair[0], pair[1])), batchSize / 2, encoder);
            case "masked":
                var masked = Pretrained.MaskedLanguageModel(folder, new MaskedLanguageOptions { MaximumLength = 256, Packing = TextPacking.Lines });
                return HeadStep.Of(name, masked, plain, batchSize);
            default:
                throw new ArgumentException($"the head '{name}' is not known");
        }
    }
}
