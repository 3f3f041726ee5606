using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Explaining;

/// <summary>A way to say what each token did to an output, and what it costs.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Values">A number for each token of a text.</param>
/// <param name="Passes">Forward and backward passes for a text of some words.</param>
internal sealed record Attribution(string Name, Func<TextClassifier<string>, TokenizedText, int, double[]> Values, Func<int, double> Passes);

/// <summary>The ways that are compared: the library's, and those that it did not take.</summary>
internal static class Attributions
{
    public static IEnumerable<Attribution> All()
    {
        yield return new("gradient times input in front of the norm", (model, text, output) => Gradient(model, text, output, false), _ => 2);
        yield return new("gradient times input behind the norm", (model, text, output) => Gradient(model, text, output, true), _ => 2);
        foreach (int points in new[] { 8 })
        {
            yield return new($"integrated gradients from padding, {points} points", (model, text, output) => Integrated(model, text, output, points, model.PadId), _ => 2 + (2 * points));
            yield return new($"integrated gradients from mask, {points} points", (model, text, output) => Integrated(model, text, output, points, model.Tokenizer.MaskId!.Value), _ => 2 + (2 * points));
            yield return new($"integrated gradients from the mean, {points} points", (model, text, output) => Integrated(model, text, output, points, -1), _ => 2 + (2 * points));
            yield return new($"integrated gradients from zero, {points} points", (model, text, output) => Integrated(model, text, output, points, -2), _ => 2 + (2 * points));
        }
        yield return new("mask in place of the word", Masked, words => words + 1);
        yield return new("attention does not see the word", Hidden, words => words + 1);
    }

    private static double[] Integrated(TextClassifier<string> model, TokenizedText text, int output, int points, int baseline)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        TokenizedRow row = Row(model, text);
        Tensor words = tensor(text.WordIds.Select((word, i) => word >= 0 && text.SequenceIds[i] >= 0).ToArray()).reshape(1, -1, 1);
        Tensor table = model.Encoder.Weights.Find("embeddings.token.weight")!.Value;
        Tensor start = baseline == -2
            ? IntegratedGradients.Vectors(model.Encoder, row, model.PadId, null).masked_fill(words, Held(0f))
            : IntegratedGradients.Vectors(model.Encoder, row, model.PadId, embedded => where(words, (baseline < 0 ? table.mean([0]) : table.select(0, baseline)).reshape(1, 1, -1), embedded));
        return IntegratedGradients.Of(model.Encoder, row, start, model.PadId, output, points);
    }

    private static double[] Gradient(TextClassifier<string> model, TokenizedText text, int output, bool behind)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        Tensor? leaf = null;
        Func<Tensor, Tensor> observe = states => leaf = states.detach().clone().requires_grad_(true);
        ForwardContext context = ForwardContext.Observing(behind ? null : observe, behind ? observe : null, ScalarType.Float32);
        Tensor logits = model.Encoder.Logits(TokenizedBatch.Stack([Row(model, text)], text.Ids.Length, model.PadId, CPU), context);
        logits.select(0, 0).select(0, output).backward(inputs: [leaf!]);
        return [.. (leaf!.grad! * leaf).sum(-1).select(0, 0).detach().data<float>().Select(value => (double)value)];
    }

    private static double[] Masked(TextClassifier<string> model, TokenizedText text, int output) => Occluded(text, words =>
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        EncodedRow[] rows = [.. words.Select(own => (EncodedRow)new TokenizedRow([.. text.Ids.Select((id, i) => own.Contains(i) ? model.Tokenizer.MaskId!.Value : id)], null))];
        return Scores(model, TokenizedBatch.Stack(rows, text.Ids.Length, model.PadId, CPU), output);
    });

    private static double[] Hidden(TextClassifier<string> model, TokenizedText text, int output) => Occluded(text, words =>
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        EncoderInput plain = TokenizedBatch.Stack([.. words.Select(_ => (EncodedRow)Row(model, text))], text.Ids.Length, model.PadId, CPU);
        bool[] seen = [.. words.SelectMany(own => text.Ids.Select((_, i) => !own.Contains(i)))];
        return Scores(model, new EncoderInput(plain.Ids, plain.Types, tensor(seen, [words.Count, text.Ids.Length])), output);
    });

    // The first row of a batch is the text as it is; a word's tokens share what it did.
    private static double[] Occluded(TokenizedText text, Func<IReadOnlyList<int[]>, float[]> scores)
    {
        int[][] words = [.. Enumerable.Range(0, text.Ids.Length).Where(i => text.SequenceIds[i] >= 0 && text.WordIds[i] >= 0).GroupBy(i => (text.SequenceIds[i], text.WordIds[i])).Select(group => group.ToArray())];
        float[] found = scores([[], .. words]);
        var values = new double[text.Ids.Length];
        for (int word = 0; word < words.Length; word++)
        {
            foreach (int i in words[word]) values[i] = (found[0] - found[word + 1]) / (double)words[word].Length;
        }
        return values;
    }

    private static float[] Scores(TextClassifier<string> model, EncoderInput input, int output) => model.Encoder.Logits(input, ForwardContext.Evaluation()).select(1, output).contiguous().data<float>().ToArray();

    private static TokenizedRow Row(TextClassifier<string> model, TokenizedText text) => new(text.Ids, model.TypesOf(text));
}
