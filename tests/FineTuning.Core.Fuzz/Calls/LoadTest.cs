using System.Diagnostics;
using System.Globalization;
using FineTuning.Heads;
using FineTuning.Text;

namespace FineTuning.Fuzz;

/// <summary>Many threads ask one model each of several kinds at once, as a service does: every answer is the one that a single thread gets.</summary>
internal static class LoadTest
{
    private static readonly string[] Texts = ["a", "b c", "a b c d e f", "", "f f f", "a [MASK] b"];

    /// <summary>Asks for a time.</summary>
    /// <returns>How many answers were wrong or failed.</returns>
    public static int Run(int seconds, int threads)
    {
        using TextClassifier<string> classifier = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        using TokenClassifier tagger = Pretrained.TokenClassifier(Checkpoints.Plain, ["PER"]);
        using SentenceEncoder sentences = Pretrained.SentenceEncoder(Checkpoints.Plain);
        using CausalLanguageModel writer = Pretrained.CausalLanguageModel(Checkpoints.Causal);
        var options = new Generation.GenerationOptions { MaxNewTokens = 4, DoSample = false };
        var tokenizer = PretrainedTokenizer.Load(Checkpoints.Plain);
        Func<string, string>[] kinds =
        [
            text => Text(classifier.Predict(text).Scores.Select(score => score.Score)),
            text => Text(tagger.Predict(text).Select(entity => entity.Score)),
            text => Text(sentences.Encode(text).Select(value => (double)value)),
            text => writer.Generate("a " + text, options),
            text => string.Join(',', tokenizer.Encode(text).Ids),
        ];
        string[][] expected = [.. kinds.Select(kind => Texts.Select(kind).ToArray())];
        long answers = 0, wrong = 0, start = Stopwatch.GetTimestamp();
        Thread[] asking = [.. Enumerable.Range(0, threads).Select(thread => new Thread(() =>
        {
            var random = new Random(thread);
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
            {
                int kind = random.Next(kinds.Length), text = random.Next(Texts.Length);
                try
                {
                    if (kinds[kind](Texts[text]) != expected[kind][text]) Interlocked.Increment(ref wrong);
                }
                catch (Exception failure)
                {
                    Interlocked.Increment(ref wrong);
                    Console.WriteLine($"{failure.GetType().Name}: {failure.Message}");
                }
                Interlocked.Increment(ref answers);
            }
        }))];
        foreach (Thread thread in asking) thread.Start();
        foreach (Thread thread in asking) thread.Join();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{answers} answers of {kinds.Length} models to {threads} threads in {seconds} s: {wrong} were wrong or failed"));
        return (int)Math.Min(wrong, int.MaxValue);
    }

    // A batch of one is the same computation each time: equal to the last bit.
    private static string Text(IEnumerable<double> values) => string.Join(',', values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
}
