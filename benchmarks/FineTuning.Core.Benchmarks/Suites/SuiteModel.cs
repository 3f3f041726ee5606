using System.Text.Json;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;

namespace FineTuning.Benchmarks.Suites;

/// <summary>What the suites run on: all-minilm-l6-v2 where it is beside the checkout, else the sample's checkpoint; the sample's sentences.</summary>
internal static class SuiteModel
{
    public static readonly string Sample = Path.Combine(Repository(), "docs", "samples", "QuickStart");

    public static string Folder { get; } = Directory.Exists(Shared.Model) ? Shared.Model : Path.Combine(Sample, "starter");

    public static LabeledText<string>[] Sentences { get; } = [.. Csv.Read(Path.Combine(Sample, "data", "train.csv")).LabeledTexts<string>()];

    public static string[] Labels { get; } = [.. Sentences.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];

    public static TextClassifier<string> Load()
    {
        FineTuningRuntime.Load();
        return Pretrained.TextClassifier(Folder, new TextClassifierOptions<string> { Labels = Labels, FreshHead = true, MaximumLength = 128 });
    }

    public static IdiomaticBert LoadIdiomatic()
    {
        FineTuningRuntime.Load();
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "config.json")));
        int Number(string name) => config.RootElement.GetProperty(name).GetInt32();
        return new IdiomaticBert(
            Folder, Number("num_hidden_layers"), Number("hidden_size"), Number("num_attention_heads"), Number("intermediate_size"), Number("vocab_size"),
            Number("max_position_embeddings"), Labels.Length, 0.1);
    }

    private static string Repository()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "FineTuning.Core.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("the repository was not found above the binary");
    }
}
