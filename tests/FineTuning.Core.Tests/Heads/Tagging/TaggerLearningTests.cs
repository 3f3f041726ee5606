using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads.Tagging;

/// <summary>A tiny checkpoint learns names, with every kind of head and data, and comes back from its folder.</summary>
public sealed class TaggerLearningTests
{
    private static readonly string[] People = ["ada", "alan", "grace", "edsger"], Places = ["paris", "london", "new york", "rome"], Others = ["met", "in", "and", "went", "to", "saw", "the"];

    [Theory]
    [InlineData(TaggingScheme.Iob2, TaggingScheme.Iob2, LabeledTokens.First, false, 0)]
    [InlineData(TaggingScheme.Bilou, TaggingScheme.Iobes, LabeledTokens.All, false, 0)]
    [InlineData(TaggingScheme.Iob1, TaggingScheme.Iob2, LabeledTokens.First, true, 6)]
    public void A_tagger_learns_and_is_saved(TaggingScheme data, TaggingScheme own, LabeledTokens labeled, bool crf, int context)
    {
        string folder = Goldens.Require("pipelines", "bert-tokens");
        TaggedWords[] train = [.. Sentences(1, 80, data).WithContext(6)], dev = [.. Sentences(2, 20, data).WithContext(6)];
        using TokenClassifier model = Pretrained.TokenClassifier(folder, ["PER", "LOC"], new() { Scheme = own, LabeledTokens = labeled, Crf = crf, ContextTokens = context, FreshHead = true, MaximumLength = 24 });
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(12).BatchSize(8).ValidateOn(dev).Train(train);
        Assert.Equal("f1", result.Metric);
        Assert.True(result.Metrics!["f1"] > 0.9, result.ToString());
        Assert.Contains(own.ToString(), result.Metrics.Reading!, StringComparison.OrdinalIgnoreCase);

        string saved = Path.Combine(Path.GetTempPath(), $"tagger-{Guid.NewGuid():N}");
        try
        {
            model.Save(saved);
            using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(saved, "config.json")));
            Assert.Equal("BertForTokenClassification", config.RootElement.GetProperty("architectures")[0].GetString());
            Assert.Equal(model.Tags.Names, config.RootElement.GetProperty("id2label").EnumerateObject().Select(pair => pair.Value.GetString()!));
            using TokenClassifier again = Pretrained.TokenClassifier(saved, null, new() { LabeledTokens = labeled, ContextTokens = context, MaximumLength = 24 });
            Assert.Equal((crf, own), (again.HasCrf, again.Tags.Scheme));
            Assert.Empty(again.Head.LoadReport.Fresh);
            foreach ((TaggedPrediction before, TaggedPrediction after) in model.Tag(dev).Zip(again.Tag(dev)))
            {
                Assert.Equal(before.Words, after.Words);
                Assert.Equal(before.Entities, after.Entities);
            }
        }
        finally
        {
            if (Directory.Exists(saved)) Directory.Delete(saved, recursive: true);
        }
    }

    [Fact]
    public void Texts_with_spans_are_learned_and_answered_by_character()
    {
        string folder = Goldens.Require("pipelines", "bert-tokens");
        AnnotatedText[] train = [.. Sentences(1, 80, TaggingScheme.Iob2).Select(Spans)];
        using TokenClassifier model = Pretrained.TokenClassifier(folder, null, new() { Dropout = 0 });
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(12).BatchSize(8).Train(train);
        Entity[] found = [.. model.Predict("🚀 ada and  alan went to new york")];
        Assert.Equal([("PER", "ada"), ("PER", "alan"), ("LOC", "new york")], found.Select(entity => (entity.Type, entity.Text)));
        Assert.All(found, entity => Assert.InRange(entity.Score, 0.4, 1));
        Assert.Equal(3, found[0].Start);
    }

    [Fact]
    public void The_loss_of_a_row_is_its_share_of_any_batch()
    {
        string folder = Goldens.Require("pipelines", "bert-tokens");
        foreach (bool crf in new[] { false, true })
        {
            using TokenClassifier model = Pretrained.TokenClassifier(folder, null, new() { Crf = crf, MaximumLength = 24, WindowOverlap = 6 });
            using var scope = TorchSharp.torch.NewDisposeScope();
            EncodedRow[] encoded = [.. Sentences(3, 10, TaggingScheme.Iob2).Select((sentence, i) => model.Encode(sentence with { Weight = 1 + i }, new EncodingReport())!)];
            IReadOnlyList<EncodedRow> rows = model.PrepareRows(encoded);
            Assert.Equal(encoded.Sum(row => row.TargetCount), rows.Sum(row => row.TargetCount));
            double Loss(params EncodedRow[] some) => model.SumLoss(model.Collate(some, some.Max(row => row.Length)), ForwardContext.Evaluation()).item<float>();
            double whole = Loss([.. rows]);
            Assert.Equal(whole, rows.Sum(row => Loss(row)), 1e-4 * whole);
        }
    }

    private static IEnumerable<TaggedWords> Sentences(int seed, int count, TaggingScheme scheme)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            var words = new List<string>();
            var entities = new List<EntitySpan>();
            for (int part = random.Next(3, 9); part > 0; part--)
            {
                int kind = random.Next(3);
                string[] chosen = (kind == 0 ? People : kind == 1 ? Places : Others)[random.Next(4)].Split(' ');
                if (kind < 2) entities.Add(new(kind == 0 ? "PER" : "LOC", words.Count, words.Count + chosen.Length - 1));
                words.AddRange(chosen);
            }
            yield return new(words, TagSequence.Tags(entities, words.Count, scheme)) { Scheme = scheme, Document = i / 5 };
        }
    }

    private static AnnotatedText Spans(TaggedWords sentence)
    {
        // The rocket is two UTF-16 units and one character: offsets must count it as the string does.
        const string before = "🚀 ";
        int[] starts = [.. sentence.Words.Select((_, i) => before.Length + sentence.Words.Take(i).Sum(word => word.Length + 1))];
        return new(before + string.Join(' ', sentence.Words), [.. TagSequence.Repaired(sentence.Tags, sentence.Scheme).Select(entity => new TextSpan(entity.Type, starts[entity.First], starts[entity.Last] + sentence.Words[entity.Last].Length))]);
    }
}
