using System.Diagnostics;
using System.Globalization;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Explaining;

/// <summary>
/// Whether explanations point the right way: each word's value beside what deleting the word does to the score, and beside a list of words whose direction nobody
/// doubts. The model is tuned on sst2 first, or loaded from a folder (--model).
/// </summary>
internal static class ExplainCommand
{
    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Threads = arguments.Number("threads", FineTuningRuntime.Threads);
        (LabeledText<string>[] train, _, LabeledText<string>[] test) = RealCommand.Data("sst2");
        using TextClassifier<string> model = Model(arguments, train);
        string[] texts = [.. test.Take(arguments.Number("texts", 150)).Select(row => row.Text)];
        double accuracy = model.PredictBatch([.. test.Select(row => row.Text)]).Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sst2: test accuracy {accuracy:0.####}; {texts.Length} test sentences, the score of the predicted label"));
        Deleted[] deleted = [.. texts.Select(text => Deleted.Of(model, text))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{deleted.Sum(text => text.Words.Count)} words, of which {deleted.Sum(text => text.Words.Count(word => SentimentWords.Direction(word.Word) != 0))} are in the list"));
        Console.WriteLine("method                                             signs   correlation   in the sentence   strongest word   list    passes a word   ms a text");
        foreach (Attribution attribution in Attributions.All())
        {
            var agreement = new Agreement();
            long started = Stopwatch.GetTimestamp();
            foreach (Deleted text in deleted)
            {
                double[] values = attribution.Values(model, text.Tokens, text.Output);
                agreement.Add(TextExplanation.Of(text.Text, null, "", 0, text.Tokens, values).Words, text.Words, text.Output == 1 ? 1 : -1, attribution.Passes(text.Words.Count));
            }
            double milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds / texts.Length;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{attribution.Name,-48} {agreement}   {milliseconds,9:0.0}"));
        }
    }

    private static TextClassifier<string> Model(Arguments arguments, LabeledText<string>[] train)
    {
        string folder = arguments.Text("model", "");
        if (folder.Length > 0 && Directory.Exists(folder)) return Pretrained.TextClassifier<string>(folder);
        TextClassifier<string> model = Pretrained.TextClassifier(Shared.Model, new TextClassifierOptions<string> { Labels = ["0", "1"], MaximumLength = 64 });
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(5e-5)).WithScheduler(Schedule.Linear(warmup: 0.1)).BatchSize(32).Epochs(arguments.Number("epochs", 2)).Train(train);
        if (folder.Length > 0) model.Save(folder);
        return model;
    }
}

/// <summary>A text, and what deleting each of its words does to the score of the label that is predicted for it.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Output">The predicted label.</param>
/// <param name="Words">The words, each with the score of the text minus that without it.</param>
internal sealed record Deleted(string Text, TokenizedText Tokens, int Output, IReadOnlyList<WordAttribution> Words)
{
    public static Deleted Of(TextClassifier<string> model, string text)
    {
        TokenizedText tokens = model.Tokenize(text, null);
        IReadOnlyList<WordAttribution> words = TextExplanation.Of(text, null, "", 0, tokens, new double[tokens.Ids.Length]).Words;
        TokenizedText[] rest = [.. words.Select(word => model.Tokenize(text.Remove(word.Start, word.End - word.Start), null))];
        float[][] logits = model.Logits([tokens, .. rest], CancellationToken.None);
        int output = Array.IndexOf(logits[0], logits[0].Max());
        return new(text, tokens, output, [.. words.Select((word, i) => word with { Value = logits[0][output] - logits[i + 1][output] })]);
    }
}
