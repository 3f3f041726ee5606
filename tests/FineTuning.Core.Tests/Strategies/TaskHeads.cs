using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using TorchSharp;

namespace FineTuning.Tests.Strategies;

/// <summary>Three heads on one trunk, and data for them.</summary>
internal sealed class TaskHeads : IDisposable
{
    private static readonly string[] Words = ["please", "reset", "my", "password", "anna", "paid", "the", "invoice"];

    public static readonly LabeledText<string>[] Moods = [.. Enumerable.Range(0, 16).Select(i => new LabeledText<string>(Text(i), i % 3 == 0 ? "good" : "bad"))];
    public static readonly TaggedText[] Names = [.. Enumerable.Range(0, 8).Select(i => (TaggedText)new TaggedWords(Text(i + 3).Split(' '), [.. Text(i + 3).Split(' ').Select(word => word == "anna" ? "B-PER" : "O")]))];
    public static readonly ScoredText[] Stars = [.. Enumerable.Range(0, 8).Select(i => new ScoredText(Text(i), i % 5))];

    public TaskHeads(double dropout = 0)
    {
        Trunk = Pretrained.Trunk(Goldens.Starter, new ModelLoadOptions { Dropout = dropout });
        Mood = Pretrained.TextClassifier(Trunk, new TextClassifierOptions<string> { Labels = ["good", "bad"], Dropout = dropout });
        Tagger = Pretrained.TokenClassifier(Trunk, ["PER"], new TokenClassifierOptions { Dropout = dropout });
        Rater = Pretrained.TextRegressor(Trunk, new TextOptions { Dropout = dropout });
    }

    public Trunk Trunk { get; }

    public TextClassifier<string> Mood { get; }

    public TokenClassifier Tagger { get; }

    public TextRegressor Rater { get; }

    public MultiTaskTuner Tuner() => FineTuner.For(Trunk).Task("mood", Mood, Moods, Moods).Task("names", Tagger, Names, Names).Task("stars", Rater, Stars, Stars);

    /// <summary>What each head has of its own.</summary>
    public float[][] ValuesOfHeads() => [.. new[] { Mood.Weights, Tagger.Head.Weights, Rater.Weights }.Select(weights =>
        weights.Where(weight => weight.Depth == weights.HeadDepth).SelectMany(weight => weight.Value.data<float>().ToArray()).ToArray())];

    public float[] Values() => [.. Mood.Weights.Concat(Tagger.Head.Weights).Concat(Rater.Weights).SelectMany(weight => weight.Value.data<float>().ToArray())];

    public void Dispose()
    {
        Mood.Dispose();
        Tagger.Dispose();
        Rater.Dispose();
        Trunk.Dispose();
    }

    public static string Text(int i) => string.Join(' ', Enumerable.Range(0, 3 + (i * 5 % 7)).Select(j => Words[(i + (j * j)) % Words.Length]));
}
