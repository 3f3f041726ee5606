using System.Text.RegularExpressions;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The sample's sentences and checkpoint: what a stranger meets first.</summary>
public sealed partial class SampleTests
{
    private static readonly string Sample = Path.Combine(Goldens.Repository, "docs", "samples", "QuickStart");
    private static readonly LabeledText<string>[] Train = Read("train"), Dev = Read("dev"), Test = Read("test");

    [Fact]
    public void No_sentence_stands_twice_or_has_a_near_copy_in_another_part()
    {
        (string Part, string Text, HashSet<string> Words)[] all =
            [.. new[] { ("train", Train), ("dev", Dev), ("test", Test) }.SelectMany(part => part.Item2.Select(row => (part.Item1, row.Text, WordsOf(row.Text))))];
        Assert.Equal(all.Length, all.Select(row => row.Text).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        for (int i = 0; i < all.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (all[i].Part == all[j].Part) continue;
                int shared = all[i].Words.Intersect(all[j].Words).Count();
                Assert.True(shared < 0.6 * (all[i].Words.Count + all[j].Words.Count - shared), $"'{all[i].Text}' ({all[i].Part}) and '{all[j].Text}' ({all[j].Part})");
            }
        }
    }

    [Fact]
    public void Every_part_has_every_label_alike()
    {
        string[] labels = [.. Train.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
        foreach (LabeledText<string>[] part in new[] { Train, Dev, Test })
        {
            Assert.Equal(labels, part.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal));
            Assert.Single(part.CountBy(row => row.Label).Select(pair => pair.Value).Distinct());
        }
    }

    [Fact]
    public void The_starter_knows_more_than_random_weights_from_a_few_sentences()
    {
        string starter = Path.Combine(Sample, "starter"), random = Directory.CreateTempSubdirectory().FullName;
        foreach (string file in Directory.GetFiles(starter)) File.Copy(file, Path.Combine(random, Path.GetFileName(file)));
        using (OutputHead fresh = OutputHead.Create(File.ReadAllText(Path.Combine(starter, "config.json")), HeadKind.None)) fresh.Save(random);
        // Eight sentences a label and a short run: the benchmark "starter" has the figures, over seeds and numbers of sentences.
        LabeledText<string>[] few = [.. Train.GroupBy(row => row.Label).SelectMany(group => group.Take(8))];
        double ours = Accuracy(starter, few), theirs = Accuracy(random, few), majority = Test.CountBy(row => row.Label).Max(pair => pair.Value) / (double)Test.Length;
        Assert.True(ours > theirs + 0.15, $"starter {ours}, random weights {theirs}");
        Assert.True(ours > majority + 0.3, $"starter {ours}, majority {majority}");
        Directory.Delete(random, recursive: true);
    }

    [Fact]
    public void The_starter_is_small_and_stored_as_bfloat16()
    {
        string file = Path.Combine(Sample, "starter", "model.safetensors");
        using SafetensorsFile weights = SafetensorsFile.Open(file);
        Assert.All(weights.Tensors.Values, tensor => Assert.Equal("BF16", tensor.DataType));
        Assert.InRange(new FileInfo(file).Length, 1 << 20, 6 << 20);
    }

    private static double Accuracy(string folder, LabeledText<string>[] few)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = [.. few.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)], FreshHead = true });
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(5e-4)).BatchSize(8).Steps(50).Train(few);
        return model.PredictBatch([.. Test.Select(row => row.Text)]).Zip(Test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();
    }

    private static LabeledText<string>[] Read(string part) => [.. Csv.Read(Path.Combine(Sample, "data", part + ".csv")).LabeledTexts<string>()];

    private static HashSet<string> WordsOf(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
