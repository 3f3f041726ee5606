using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/heads.md, on the checkpoint of the sample.</summary>
public sealed class HeadPageTests : IDisposable
{
    private static readonly string Sample = Path.Combine(Goldens.Repository, "docs", "samples", "QuickStart");
    private static readonly string checkpoint = Path.Combine(Sample, "starter");

    private readonly string folder = Path.Combine(Path.GetTempPath(), $"heads-{Guid.NewGuid():N}");

    public HeadPageTests() => Directory.CreateDirectory(folder);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Tagging()
    {
        string file = Write("train.conll", "Ada B-PER\nmet O\nAlan B-PER\nin O\nNew B-LOC\nYork I-LOC\n\nGrace B-PER\nwent O\nto O\nParis B-LOC\n\nthe O\norder O\nnever O\narrived O\n");
        string output = Path.Combine(folder, "tagger");
        // snippet: tagging
        using var tagger = Pretrained.TokenClassifier(checkpoint, ["PER", "LOC"], new TokenClassifierOptions { Crf = true });

        IEnumerable<ConllSentence> sentences = ConllFile.Read(file, new ConllOptions { Separator = ConllSeparator.Spaces, Scheme = TaggingScheme.Iob2 });
        TrainingResult result = FineTuner.For(tagger)
            .WithOptimizer(Optimizer.AdamW(learningRate: 5e-3))
            .WithRate(weights => weights.Named("crf.*"), 50)      // scores of tags learn faster than the trunk
            .Epochs(20).BatchSize(4)
            .ValidateOn(sentences)
            .Train(sentences);

        double f1 = result.Metrics!["f1"], strict = result.Metrics["f1_strict"];
        string? reading = result.Metrics.Reading;                 // the scheme that the scores are read in
        foreach (Entity entity in tagger.Predict("Ada went to New York")) Console.WriteLine($"{entity.Type} '{entity.Text}' {entity.Start}-{entity.End} {entity.Score:P0}");
        tagger.Save(output);
        // end
        Assert.InRange(f1, 0.5, 1);
        Assert.InRange(strict, 0, 1);
        Assert.Contains("IOB2", reading, StringComparison.Ordinal);
        // snippet: tagging-spans
        TaggedText[] texts =
        [
            new AnnotatedText("Ada went to New York.", [new("PER", 0, 3), new("LOC", 12, 20)]),
            new TaggedWords(["Grace", "met", "Alan"], ["S-PER", "O", "S-PER"]) { Scheme = TaggingScheme.Iobes },
        ];
        // end
        // snippet: tagging-prediction
        using var plain = Pretrained.TokenClassifier(output, options: new TokenClassifierOptions { Crf = false });
        IReadOnlyList<IReadOnlyList<Entity>> asTransformers = plain.PredictBatch(["Ada went to New York"], new EntityOptions { Aggregation = EntityAggregation.Average });
        TaggedPrediction words = plain.Tag("Ada", "went", "to", "New", "York");
        // end
        Assert.NotNull(tagger.Encode(texts[0], new EncodingReport()));
        Assert.NotNull(tagger.Encode(texts[1], new EncodingReport()));
        Assert.Single(asTransformers);
        Assert.Equal(5, words.Words.Count);
        // snippet: tagging-context
        using var contextual = Pretrained.TokenClassifier(checkpoint, ["PER", "LOC"], new TokenClassifierOptions { ContextTokens = 16 });
        TrainingResult withContext = FineTuner.For(contextual).Steps(2).Train(sentences.WithContext(words: 16));
        // end
        Assert.Equal(2, withContext.Steps);
    }

    [Fact]
    public void Answering()
    {
        string file = Write("squad.json", """
            {"version":"v2.0","data":[{"title":"Orders","paragraphs":[{"context":"The parcel was sent on Monday. It arrived on Friday.","qas":[
              {"id":"1","question":"When was it sent?","is_impossible":false,"answers":[{"text":"Monday","answer_start":23}]},
              {"id":"2","question":"When did it arrive?","is_impossible":false,"answers":[{"text":"Friday","answer_start":44}]},
              {"id":"3","question":"Who sent it?","is_impossible":true,"answers":[]}]}]}]}
            """);
        // snippet: answering
        using var answerer = Pretrained.QuestionAnswerer(checkpoint, new QuestionAnswererOptions
        {
            AllowsNoAnswer = true,                                 // SQuAD 2.0; the threshold is tuned on the validation data
            MismatchedAnswers = MismatchedAnswers.Repair,          // text and offset of an answer disagree: moved, counted and named
            LongestAnswer = 20,
        });

        var problems = new List<DataProblem>();
        AnsweredQuestion[] questions = [.. Squad.Read(file, new JsonReadingOptions { OnProblem = problems.Add })];
        TrainingResult result = FineTuner.For(answerer)
            .WithOptimizer(Optimizer.AdamW(learningRate: 5e-3))
            .Epochs(20)
            .ValidateOn(questions)
            .Train(questions);

        AnswerSpan answer = answerer.Predict("When was it sent?", "The parcel was sent on Monday. It arrived on Friday.");
        IReadOnlyList<AnswerCandidate> others = answer.Candidates;
        double exact = result.Metrics!["best_exact"], f1 = result.Metrics["best_f1"], threshold = answerer.NoAnswerThreshold;
        // end
        Assert.Contains(problems, problem => problem.Message.Contains("occurs at 45", StringComparison.Ordinal));
        Assert.Equal(1, result.TrainingData.Notes.Values.Sum());
        Assert.NotEmpty(others);
        Assert.InRange(exact, 0, f1);
        Assert.Equal(result.Metrics["best_f1_threshold"], threshold);
    }

    [Fact]
    public void Similarity()
    {
        PositivePair[] pairs =
        [
            new("where is my order", "my parcel has not arrived"), new("I forgot my password", "I cannot log in"), new("the invoice is wrong", "I was charged twice"),
            new("please cancel my subscription", "I want to end my contract") { Negatives = ["I want to start a contract"] },
        ];
        // snippet: similarity
        using var encoder = Pretrained.SentenceEncoder(checkpoint);          // pooling and the rest as modules.json says, the mean over tokens without one

        TrainingResult result = FineTuner.For(encoder.With(SimilarityLoss.MultipleNegatives(), chunkSize: 32))
            .BatchSize(512)                                                  // 1024 texts against each other, 32 at a time in memory
            .Epochs(3)
            .ValidateOn(pairs)
            .Train(pairs);

        float[][] vectors = encoder.Encode(["where is my order", "I forgot my password", "the invoice is wrong"]);
        double similarity = encoder.Similarity("where is my order", "my parcel has not arrived");
        var index = new EmbeddingIndex(vectors);
        IReadOnlyList<SimilarText> nearest = index.Search(encoder.Encode("my parcel has not arrived"), count: 2);
        // end
        Assert.True(result.Metrics!.TryGet("mrr@10", out _));
        Assert.InRange(similarity, -1, 1);
        Assert.Equal(2, nearest.Count);
        ScoredPair[] scored = [new("where is my order", "my parcel has not arrived", 0.9), new("where is my order", "I forgot my password", 0.1), new("a", "b", 0.5)];
        // snippet: similarity-losses
        TrainingResult byScore = FineTuner.For(encoder.With(SimilarityLoss.CoSent())).Epochs(1).ValidateOn(scored).Train(scored);
        double spearman = byScore.Metrics!["spearman"];

        var retrieval = new RetrievalAccumulator();
        retrieval.Add([.. nearest.Select(text => text.Index)], new HashSet<int> { 0 });
        double reciprocalRank = retrieval.Report()["mrr@10"];
        // end
        Assert.InRange(spearman, -1, 1);
        Assert.InRange(reciprocalRank, 0, 1);
    }

    [Fact]
    public void Few_texts()
    {
        string output = Path.Combine(folder, "few");
        // snippet: few-shot
        using var classifier = Pretrained.FewShotClassifier<string>(checkpoint);
        FewShotResult result = classifier.Train(
        [
            new("Where is my parcel?", "delivery"), new("The order never arrived", "delivery"), new("When will it be delivered?", "delivery"),
            new("I cannot log in", "account"), new("Please reset my password", "account"), new("How do I change my name?", "account"),
        ]);
        Classification<string> answer = classifier.Predict("My parcel is late");
        classifier.Save(output);
        // end
        Assert.InRange(result.TrainingAccuracy, 0.5, 1);
        Assert.Equal(2, answer.Scores.Count);
        using FewShotClassifier<string> again = Pretrained.FewShotClassifier<string>(output);
        Assert.Equal(answer.Label, again.Predict("My parcel is late").Label);
    }

    [Fact]
    public void Adaptation()
    {
        string[] texts = [.. Csv.Read(Path.Combine(Sample, "data", "train.csv")).Take(40).Select(row => row["text"])];
        LabeledText<string>[] train = [.. Csv.Read(Path.Combine(Sample, "data", "train.csv")).LabeledTexts<string>().Take(40)];
        string[] labels = [.. train.Select(row => row.Label).Distinct()];
        // snippet: adaptation
        using var adapted = Pretrained.MaskedLanguageModel(checkpoint, new MaskedLanguageOptions { WholeWords = true });
        TrainingResult adaptation = FineTuner.For(adapted)
            .WithOptimizer(Optimizer.AdamW(learningRate: 1e-3))
            .Epochs(2)
            .ValidateOn(texts)
            .Train(texts);
        double perplexity = adaptation.Metrics!["perplexity"];
        FilledText filled = adapted.Predict("Where is my [MASK]?", new FillOptions { Count = 3 });

        using var model = Pretrained.TextClassifier(adapted.Trunk, new TextClassifierOptions<string> { Labels = labels });   // or any other head
        TrainingResult result = FineTuner.For(model).Epochs(1).Train(train);
        // end
        Assert.InRange(perplexity, 1, adapted.Trunk.Plan.VocabularySize / 2);   // guessing gives the size of the vocabulary
        Assert.Equal(3, filled.Masks[0].Candidates.Count);
        Assert.True(double.IsFinite(result.FinalLoss));
        // snippet: adaptation-heads
        using var tagger = Pretrained.TokenClassifier(adapted.Trunk, ["PER", "LOC"]);
        using var answerer = Pretrained.QuestionAnswerer(adapted.Trunk);
        using var sentences = Pretrained.SentenceEncoder(adapted.Trunk);
        using var fewShot = Pretrained.FewShotClassifier<string>(adapted.Trunk);
        // end
        Assert.Equal(5, tagger.Tags.Count);
        Assert.False(answerer.AllowsNoAnswer);
        Assert.Equal(sentences.Trunk.Plan.HiddenSize, sentences.Dimension);
        Assert.False(fewShot.IsTrained);
    }

    [Fact]
    public void Zero_shot()
    {
        string inference = Goldens.Require("pipelines", "deberta-v2-nli");
        // snippet: zero-shot
        using var classifier = Pretrained.ZeroShotClassifier(inference);     // a checkpoint of natural language inference
        Classification<string> answer = classifier.Predict("The parcel never arrived", ["delivery", "billing"]);
        Classification<string> each = classifier.Predict("The parcel never arrived", ["delivery", "billing"], new ZeroShotOptions
        {
            Template = "This request is about {}.",
            MultiLabel = true,                                               // each label has a probability of its own
        });
        IPredictor<string, Classification<string>> predictor = classifier.For(["delivery", "billing"]);
        // end
        Assert.Equal(1, answer.Scores.Sum(score => score.Score), 1e-9);
        Assert.Equal(2, each.Scores.Count);
        Assert.Equal(answer.Scores, predictor.Predict("The parcel never arrived").Scores);
    }

    [Fact]
    public void Explanation()
    {
        LabeledText<string>[] train = [.. Csv.Read(Path.Combine(Sample, "data", "train.csv")).LabeledTexts<string>().Take(40)];
        using TextClassifier<string> model = Pretrained.TextClassifier(checkpoint, new TextClassifierOptions<string> { Labels = [.. train.Select(row => row.Label).Distinct()] });
        TrainingResult result = FineTuner.For(model).Epochs(1).Train(train);
        string report = Path.Combine(folder, "report.html");
        // snippet: explanation
        TextExplanation explanation = model.Explain("The parcel never arrived");
        foreach (WordAttribution word in explanation.Strongest(3)) Console.WriteLine($"{word.Word}: {word.Value:+0.000;-0.000;0.000}");
        string picture = explanation.ToSvg();                                // bars; ToHtml is a page with the text coloured
        result.SaveReport(report, [explanation]);
        // end
        Assert.Contains("<svg", picture, StringComparison.Ordinal);
        Assert.Contains("parcel", File.ReadAllText(report), StringComparison.Ordinal);
    }

    private string Write(string name, string content)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }
}
