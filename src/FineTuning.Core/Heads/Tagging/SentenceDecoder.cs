using FineTuning.Examples;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>From the scores of units to tags, words and entities.</summary>
internal sealed class SentenceDecoder(TagSet tags, TagChain chain)
{
    private const int StepsInABatch = 1 << 14;

    /// <summary>The best tags of each sentence.</summary>
    /// <param name="scores">Of each sentence: units times tags.</param>
    /// <param name="device">Where it is computed.</param>
    /// <param name="probabilities">Filled with the probability of each unit's tag. Null: not wanted.</param>
    public int[][] Best(IReadOnlyList<float[]> scores, Device device, double[][]? probabilities = null)
    {
        var best = new int[scores.Count][];
        int[] order = [.. Enumerable.Range(0, scores.Count).OrderBy(i => scores[i].Length)];
        int start = 0;
        for (; start < order.Length && scores[order[start]].Length == 0; start++)
        {
            best[order[start]] = [];
            if (probabilities is not null) probabilities[order[start]] = [];
        }
        while (start < order.Length)
        {
            int end = start + 1;
            while (end < order.Length && (end + 1 - start) * (scores[order[end]].Length / tags.Count) <= StepsInABatch) end++;
            BestOf(scores, order[start..end], device, best, probabilities);
            start = end;
        }
        return best;
    }

    /// <summary>Words and entities of a sentence.</summary>
    public TaggedPrediction Read(EncodedSentence sentence, int[] best, double[] probabilities)
    {
        string[] names = [.. best.Select(index => tags.Names[index])];
        var words = new WordTag[sentence.Words.Length];
        for (int i = 0; i < words.Length; i++)
        {
            WordSpan span = sentence.Words[i];
            words[i] = new(sentence.Text[span.Start..span.End], tags.IndexOf(TagParts.OutsideTag) >= 0 ? TagParts.OutsideTag : "", span.Start, span.End, 0);
        }
        for (int unit = sentence.Units.Length - 1; unit >= 0; unit--)
        {
            int word = sentence.Units[unit].Word;
            words[word] = words[word] with { Tag = names[unit], Score = probabilities[unit] };
        }
        IReadOnlyList<EntitySpan> spans = tags.Scheme == TaggingScheme.Plain ? Runs(names) : TagSequence.Repaired(names, tags.Scheme);
        return new(words, [.. spans.Select(span => EntityOf(sentence, span, probabilities))]);
    }

    private static Entity EntityOf(EncodedSentence sentence, EntitySpan span, double[] probabilities)
    {
        // A token may reach over the space before its word, or hold nothing else.
        int start = sentence.Units[span.First].Start, end = Math.Max(start, sentence.Units[span.Last].End);
        while (start < end && char.IsWhiteSpace(sentence.Text[start])) start++;
        return new(span.Type, sentence.Text[start..end], start, end, probabilities[span.First..(span.Last + 1)].Average());
    }

    /// <summary>Neighbours with the same tag; B- begins a new run and what has no prefix goes on, as transformers' pipeline has it.</summary>
    private static List<EntitySpan> Runs(string[] names)
    {
        var runs = new List<EntitySpan>();
        for (int i = 0; i < names.Length; i++)
        {
            if (names[i] == TagParts.OutsideTag) continue;
            string type = ReferencePipeline.TypeOf(names[i]);
            bool joins = runs.Count > 0 && runs[^1].Last == i - 1 && runs[^1].Type == type && !names[i].StartsWith("B-", StringComparison.Ordinal);
            if (joins) runs[^1] = runs[^1] with { Last = i };
            else runs.Add(new(type, i, i));
        }
        return runs;
    }

    private void BestOf(IReadOnlyList<float[]> scores, int[] indices, Device device, int[][] best, double[][]? probabilities)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        int count = tags.Count;
        int[] lengths = [.. indices.Select(index => scores[index].Length / count)];
        int steps = lengths.Max();
        var padded = new float[indices.Length * steps * count];
        for (int i = 0; i < indices.Length; i++) scores[indices[i]].CopyTo(padded.AsSpan(i * steps * count));
        Tensor emissions = tensor(padded, [indices.Length, steps, count], ScalarType.Float32, device);
        LinearChain? model = chain.IsFree ? null : chain.Make();
        // Rules without weights choose among the words' own probabilities, whose product is a path's.
        int[][] paths = model is null ? Highest(emissions, lengths) : model.BestPaths(emissions, lengths);
        for (int i = 0; i < indices.Length; i++) best[indices[i]] = paths[i];
        if (probabilities is null) return;
        Tensor shares = chain.IsCrf ? model!.Marginals(emissions, lengths) : nn.functional.softmax(emissions, 2);
        float[] values = shares.cpu().data<float>().ToArray();
        for (int i = 0; i < indices.Length; i++)
            probabilities[indices[i]] = [.. paths[i].Select((tag, step) => (double)values[(((i * steps) + step) * count) + tag])];
    }

    private static int[][] Highest(Tensor emissions, int[] lengths)
    {
        long[] highest = emissions.argmax(2).cpu().data<long>().ToArray();
        int steps = (int)emissions.shape[1];
        return [.. lengths.Select((length, row) => highest.AsSpan(row * steps, length).ToArray().Select(tag => (int)tag).ToArray())];
    }
}
