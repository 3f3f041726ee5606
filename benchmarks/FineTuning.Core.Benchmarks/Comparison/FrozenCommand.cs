using System.Globalization;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What it saves to keep the hidden states of layers that do not train: the same run with them and without, and how far apart they end.</summary>
internal static class FrozenCommand
{
    // A trunk of twelve layers as wide as the pretrained one of six, with the same vocabulary; what it costs does not depend on what it knows.
    private const string TwelveLayers = """
        {
          "architectures": ["BertModel"], "model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12,
          "intermediate_size": 1536, "max_position_embeddings": 512, "type_vocab_size": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
          "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "initializer_range": 0.02, "pad_token_id": 0
        }
        """;

    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        string what = arguments.Text("what", "head,top,search");
        if (what.Contains("head", StringComparison.Ordinal))
            Measure("head alone, 6 layers", Shared.Model, arguments.Number("rows", 512), arguments.Number("epochs", 20), l => l.Trunk());
        if (what.Contains("search", StringComparison.Ordinal)) Search(arguments.Number("rows", 512), arguments.Number("trials", 50), arguments.Number("plain-trials", 2));
        if (!what.Contains("top", StringComparison.Ordinal)) return;
        string folder = Directory.CreateTempSubdirectory("twelve").FullName;
        try
        {
            using (OutputHead fresh = OutputHead.Create(TwelveLayers, HeadKind.None, options: new ModelLoadOptions { Seed = 1 })) fresh.Save(folder);
            foreach (string file in Directory.GetFiles(Shared.Model, "*token*").Append(Path.Combine(Shared.Model, "vocab.txt")).Distinct().Where(File.Exists))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            Measure("highest two of 12 layers", folder, arguments.Number("rows", 256), arguments.Number("epochs", 10), l => l.Embeddings().Layers(..^2));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What a configuration costs without kept states is the same for each: a few of them are measured.
    private static void Search(int rows, int trials, int plainTrials)
    {
        (LabeledText<string>[] train, LabeledText<string>[] dev, _) = RealCommand.Data("sst2");
        TimeSpan Searched(bool keeps, int count)
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(
                Shared.Model, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128, Seed = 3, FreshHead = true });
            FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Freeze(l => l.Trunk()).Epochs(10).BatchSize(32).ValidateOn(dev.Take(rows / 4));
            return FineTuner.Search(keeps ? tuner : tuner.WithoutFrozenStates())
                .Over("rate", SearchInterval.LogUniform(1e-4, 1e-2), (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) }).Trials(count).Train(train.Take(rows)).Elapsed;
        }
        TimeSpan kept = Searched(true, trials), plain = Searched(false, plainTrials) / plainTrials * trials;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{trials} configurations of a head, 6 layers, 10 epochs of {rows} rows: {plain.TotalSeconds:0} s without "
            + $"({plainTrials} of them measured), {kept.TotalSeconds:0.0} s with, {plain / kept:0} times as fast"));
    }

    private static void Measure(string name, string folder, int rows, int epochs, Func<WeightFilter, WeightFilter> frozen)
    {
        (LabeledText<string>[] train, LabeledText<string>[] dev, _) = RealCommand.Data("sst2");
        (TrainingResult Result, float[] Head) Trained(bool keeps, int rows, int epochs)
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(
                folder, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 128, Seed = 3, FreshHead = true });
            FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Freeze(frozen).Epochs(epochs).BatchSize(32).WithOptimizer(Optimizer.AdamW(1e-3)).ValidateOn(dev.Take(rows / 4));
            TrainingResult result = (keeps ? tuner : tuner.WithoutFrozenStates()).Train(train.Take(rows));
            return (result, [.. model.Weights.Where(weight => weight.IsTrainable).SelectMany(weight => weight.Value.cpu().data<float>().ToArray())]);
        }
        // Code and kernels are there before anything is measured.
        Trained(true, 64, 2);
        Trained(false, 64, 1);
        (TrainingResult kept, float[] one) = Trained(true, rows, epochs);
        (TrainingResult plain, float[] other) = Trained(false, rows, epochs);
        double apart = one.Zip(other, (a, b) => Math.Abs(a - b)).Max();
        Console.WriteLine(kept.FrozenStates[0]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}, {epochs} epochs of {rows} rows: {plain.Elapsed.TotalSeconds:0.0} s without, {kept.Elapsed.TotalSeconds:0.0} s with, "
            + $"{plain.Elapsed / kept.Elapsed:0.0} times as fast; dev accuracy {plain.Metrics!["accuracy"]:0.####} and {kept.Metrics!["accuracy"]:0.####}, weights at most {apart:0.0e0} apart"));
    }
}
