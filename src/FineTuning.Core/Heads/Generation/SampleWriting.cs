using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>Lets a model write some of the texts of an evaluation and scores them.</summary>
/// <param name="generator">Writes.</param>
/// <param name="sample">Which texts, and how.</param>
internal sealed class SampleWriting(TextGenerator generator, EvaluationSample sample)
{
    /// <summary>The report with the scores of written texts.</summary>
    /// <param name="report">What was measured without writing.</param>
    /// <param name="cases">All that could be written.</param>
    /// <param name="metrics">Take the texts.</param>
    /// <param name="watch">Told of it, and asked whether to go on.</param>
    /// <returns>Null where the time was up first.</returns>
    /// <exception cref="TrainingDataException">There is nothing to write.</exception>
    public MetricReport? Add(
        MetricReport report, IReadOnlyList<WritingCase> cases, MetricCollector<IReadOnlyList<string>, string> metrics, EvaluationWatch watch)
    {
        Chosen[] chosen = Choose(cases, sample.Count);
        if (chosen.Length == 0)
        {
            throw new TrainingDataException("the model has metrics of texts that it writes, but no record of the data has something to write from: "
                + "a prompt with a completion, a source with a target, or turns that end with the assistant's");
        }
        var outputs = new string[chosen.Length];
        int[][] prompts = [.. chosen.Select(one => one.Prompt())];
        // Prompts of similar length together, the longest first.
        int[] order = [.. Enumerable.Range(0, chosen.Length).OrderByDescending(i => prompts[i].Length)];
        int done = 0;
        foreach (int[] batch in order.Chunk(sample.BatchSize))
        {
            watch.Cancellation.ThrowIfCancellationRequested();
            if (watch.IsTimeUp?.Invoke() == true) return null;
            IReadOnlyList<IReadOnlyList<GeneratedText>> texts = generator.Run([.. batch.Select(i => prompts[i])], sample.Generation, watch.Cancellation);
            for (int row = 0; row < batch.Length; row++) outputs[batch[row]] = texts[row].Count > 0 ? texts[row][0].Text : "";
            watch.Written?.Invoke(done += batch.Length, chosen.Length);
        }
        for (int i = 0; i < chosen.Length; i++) metrics.Add(chosen[i].References, outputs[i]);
        MetricReport whole = metrics.Extend(report);
        return new MetricReport(whole.Metrics, whole.Confusion, whole.Classes)
        {
            Reading = whole.Reading,
            Samples = [.. chosen.Zip(outputs, (one, output) => new GeneratedSample(one.Source, one.References, output)).Take(sample.Shown)],
        };
    }

    /// <summary>Different sources with all their references, in the order of the data, at equal distances.</summary>
    internal static Chosen[] Choose(IReadOnlyList<WritingCase> cases, int count)
    {
        var different = new Dictionary<string, Chosen>(StringComparer.Ordinal);
        var ordered = new List<Chosen>();
        foreach (WritingCase one in cases)
        {
            if (!different.TryGetValue(one.Source, out Chosen? known))
            {
                different[one.Source] = known = new Chosen(one.Source, [], one.Prompt);
                ordered.Add(known);
            }
            if (!known.References.Contains(one.Reference, StringComparer.Ordinal)) known.References.Add(one.Reference);
        }
        int taken = Math.Min(count, ordered.Count);
        return [.. Enumerable.Range(0, taken).Select(i => ordered[(int)((long)i * ordered.Count / taken)])];
    }

    internal sealed record Chosen(string Source, List<string> References, Func<int[]> Prompt);
}
