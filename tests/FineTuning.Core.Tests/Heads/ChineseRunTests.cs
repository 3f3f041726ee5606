using System.IO.Compression;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Chinese from end to end with a model made from a configuration: a published vocabulary, reviews, words without spaces.</summary>
public sealed class ChineseRunTests : IDisposable
{
    private const string Configuration = """
        {
          "model_type": "bert", "vocab_size": 21128, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
          "max_position_embeddings": 128, "type_vocab_size": 2, "pad_token_id": 0, "initializer_range": 0.1
        }
        """;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"chinese-{Guid.NewGuid():N}");

    public ChineseRunTests()
    {
        string vocabulary = Goldens.RequireShared("vocab", "google_zh_vocab.txt");
        Directory.CreateDirectory(_folder);
        using (OutputHead fresh = OutputHead.Create(Configuration, HeadKind.None, options: new ModelLoadOptions { Seed = 1 })) fresh.Save(_folder);
        File.Copy(vocabulary, Path.Combine(_folder, "vocab.txt"));
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Reviews_are_learned_saved_and_explained_by_character()
    {
        LabeledText<string>[] rows = Reviews(96);
        using TextClassifier<string> model = Pretrained.TextClassifier(_folder, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 64, Dropout = 0 });
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(5e-3)).BatchSize(16).Epochs(30).Train(rows);
        Assert.True(result.History.TakeLast(10).Average(step => step.Loss) < 0.5 * result.History.Take(10).Average(step => step.Loss), result.ToString());
        // Nothing of a Chinese text is unknown to a Chinese vocabulary, and what was cut is counted.
        Assert.DoesNotContain(model.Tokenizer.UnknownId!.Value, model.Tokenizer.Encode("房间很干净，服务也不错。").Ids);
        Assert.True(result.TrainingData.TruncatedExamples > 0);

        string saved = Path.Combine(_folder, "saved");
        model.Save(saved);
        using TextClassifier<string> again = Pretrained.TextClassifier<string>(saved);
        const string text = "房间很干净";
        Assert.Equal(model.Predict(text).Confidence, again.Predict(text).Confidence, 1e-6);
        Assert.Equal(text.Select(character => $"{character}"), again.Explain(text).Words.Select(word => word.Word));
    }

    [Fact]
    public void Every_ideograph_is_a_word_of_its_own_for_a_tagger()
    {
        using TokenClassifier model = Pretrained.TokenClassifier(_folder, ["LOC", "ORG"], new TokenClassifierOptions { Dropout = 0 });
        var report = new EncodingReport();
        AnnotatedText[] texts = [new("我在北京大学学习", [new("ORG", 2, 6)]), new("他住在上海，不在北京。", [new("LOC", 3, 5), new("LOC", 8, 10)])];
        Assert.All(texts, text => Assert.NotNull(model.Encode(text, report)));
        Assert.Empty(report.Summary().Notes);
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(2e-2)).BatchSize(2).Epochs(60).Train(texts);
        Assert.Equal([("LOC", "上海", 3), ("LOC", "北京", 8)], model.Predict(texts[1].Text).Select(entity => (entity.Type, entity.Text, entity.Start)));
    }

    private LabeledText<string>[] Reviews(int count)
    {
        string path = Path.Combine(_folder, "train.tsv");
        using (var packed = new GZipStream(File.OpenRead(Goldens.RequireShared("data", "chnsenticorp", "train.tsv.gz")), CompressionMode.Decompress))
        {
            using FileStream plain = File.Create(path);
            packed.CopyTo(plain);
        }
        var options = new DelimitedOptions { Separator = '\t', Quotes = false };
        string text = Tsv.Read(path, options).Columns().Single(column => column.StartsWith("text", StringComparison.OrdinalIgnoreCase));
        return [.. Tsv.Read(path, options).LabeledTexts<string>(text).Take(count)];
    }
}
