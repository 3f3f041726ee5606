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
        Deleted[] deleted = [.. test.Take(arguments.Number("texts", 150)).Select(row => Deleted.Of(model, row.Text))];
        Deleted[] listed =
        [
            .. test.Where(row => row.Text.Split(' ').Any(word => SentimentWords.Direction(word) != 0)).Take(arguments.Number("listed", 150)).Select(row => Deleted.Read(model, row.Text)),
        ];
        double accuracy = model.PredictBatch([.. test.Select(row => row.Text)]).Zip(test, (answer, row) => answer.Label == row.Label ? 1.0 : 0).Average();
        int words = deleted.Sum(text => text.Words.Count), words100 = listed.Sum(text => text.Words.Count(word => SentimentWords.Direction(word.Word) != 0));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sst2: test accuracy {accuracy:0.####}; the score of the predicted label; {deleted.Length} test sentences with {words} words, and {listed.Length} with {words100} words of the list"));
        Console.WriteLine("method                                       signs   correlation   strongest word     list   passes a word   ms a text");
        foreach (Attribution attribution in Attributions.All())
        {
            var agreement = new Agreement();
            long started = Stopwatch.GetTimestamp();
            foreach (Deleted text in deleted) agreement.AddDeleted(attribution.Values(model, text.Text), text.Words, attribution.Passes(text.Words.Count));
            double milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds / deleted.Length;
            foreach (Deleted text in listed) agreement.AddListed(attribution.Values(model, text.Text), text.Words, text.Text.Output == 1 ? 1 : -1);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{attribution.Name,-42} {agreement}   {milliseconds,9:0.0}"));
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
/// <param name="Text">The text as the model reads it.</param>
/// <param name="Words">The words, each with the score of the text minus that without it.</param>
internal sealed record Deleted(ReadText Text, IReadOnlyList<WordAttribution> Words)
{
    /// <summary>The text without the effects.</summary>
    public static Deleted Read(TextClassifier<string> model, string text)
    {
        TokenizedText tokens = model.Tokenize(text, null);
        int[][] words = WordErasure.Words(tokens);
        float[] logits = model.Logits([tokens], CancellationToken.None)[0];
        var read = new ReadText(tokens, new(tokens.Ids, null), words, Array.IndexOf(logits, logits.Max()));
        return new(read, TextExplanation.Of(text, null, "", 0, tokens, words, new double[words.Length], 0).Words);
    }

    /// <summary>The characters of a word are cut out of the text, which is tokenized again.</summary>
    public static Deleted Of(TextClassifier<string> model, string text)
    {
        Deleted whole = Read(model, text);
        int output = whole.Text.Output;
        float[][] logits = model.Logits([whole.Text.Tokens, .. whole.Words.Select(word => model.Tokenize(text.Remove(word.Start, word.End - word.Start), null))], CancellationToken.None);
        return whole with { Words = [.. whole.Words.Select((word, i) => word with { Value = logits[0][output] - logits[i + 1][output] })] };
    }
}
