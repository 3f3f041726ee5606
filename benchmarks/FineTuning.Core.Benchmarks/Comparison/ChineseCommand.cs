using System.Globalization;
using System.IO.Compression;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Chinese from end to end: a small BERT made from a configuration and a published vocabulary, trained on reviews of chnsenticorp.</summary>
internal static class ChineseCommand
{
    private const string Configuration = """
        {
          "architectures": ["BertModel"], "model_type": "bert", "vocab_size": 21128, "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
          "intermediate_size": 512, "max_position_embeddings": 256, "type_vocab_size": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
          "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "initializer_range": 0.02, "pad_token_id": 0
        }
        """;

    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        string folder = Directory.CreateTempSubdirectory("chinese").FullName;
        try
        {
            using (OutputHead fresh = OutputHead.Create(Configuration, HeadKind.None, options: new ModelLoadOptions { Seed = 1 })) fresh.Save(folder);
            File.Copy(Path.Combine(Shared.Root, "vocab", "google_zh_vocab.txt"), Path.Combine(folder, "vocab.txt"));
            LabeledText<string>[] train = Read("train", folder), dev = Read("dev", folder), test = Read("test", folder);
            using TextClassifier<string> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128 });
            TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(5e-4)).BatchSize(32).Epochs(arguments.Number("epochs", 3)).ValidateOn(dev)
                .OnEvaluation(entry => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  epoch {entry.Epoch:0}: dev accuracy {entry.Metrics["accuracy"]:0.####}")))
                .Train(train);
            double accuracy = model.PredictBatch([.. test.Select(row => row.Text)]).Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();
            double majority = test.CountBy(row => row.Label).Max(pair => pair.Value) / (double)test.Length;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"chnsenticorp from random weights: test accuracy {accuracy:0.####} (majority {majority:0.####}), {result.TrainingData.TruncatedExamples} texts cut, {result.TrainingTime.TotalSeconds:0} s, {result.TokensPerSecond:0} tokens/s"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static LabeledText<string>[] Read(string part, string folder)
    {
        string path = Path.Combine(folder, part + ".tsv");
        using (var packed = new GZipStream(File.OpenRead(Shared.Data("chnsenticorp", part + ".tsv.gz")), CompressionMode.Decompress))
        {
            using FileStream plain = File.Create(path);
            packed.CopyTo(plain);
        }
        DelimitedFile rows = Tsv.Read(path, new DelimitedOptions { Separator = '\t', Quotes = false });
        string text = rows.Columns().Single(column => column.StartsWith("text", StringComparison.OrdinalIgnoreCase));
        LabeledText<string>[] all = [.. Tsv.Read(path, new DelimitedOptions { Separator = '\t', Quotes = false }).LabeledTexts<string>(text)];
        File.Delete(path);
        return all;
    }
}
