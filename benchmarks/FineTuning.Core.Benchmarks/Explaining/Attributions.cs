using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Explaining;

/// <summary>A way to say what each word did to an output, and what it costs.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Values">A number for each word of a text.</param>
/// <param name="Passes">Forward and backward passes for a text of some words.</param>
internal sealed record Attribution(string Name, Func<TextClassifier<string>, ReadText, double[]> Values, Func<int, double> Passes);

/// <summary>A text as a model reads it.</summary>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Row">The same as a row.</param>
/// <param name="Words">The tokens of each word.</param>
/// <param name="Output">The output that is explained.</param>
internal sealed record ReadText(TokenizedText Tokens, TokenizedRow Row, int[][] Words, int Output);

/// <summary>The ways that are compared: the library's, and those that it did not take.</summary>
internal static class Attributions
{
    private const int Points = 8;

    public static IEnumerable<Attribution> All()
    {
        yield return new("the word is left out (the library's)", LeftOut, words => words + 1);
        yield return new("the word left out, and alone", (model, text) => [.. LeftOut(model, text).Zip(Alone(model, text), (one, other) => (one + other) / 2)], words => (2 * words) + 2);
        yield return new("a mask in place of the word", Masked, words => words + 1);
        yield return new("attention does not see the word", Hidden, words => words + 1);
        yield return new("integrated gradients from padding", (model, text) => Integrated(model, text, model.PadId), _ => 2 + (2 * Points));
        yield return new("integrated gradients from the mask", (model, text) => Integrated(model, text, model.Tokenizer.MaskId!.Value), _ => 2 + (2 * Points));
        yield return new("integrated gradients from the mean", (model, text) => Integrated(model, text, null), _ => 2 + (2 * Points));
        yield return new("gradient times input behind the norm", (model, text) => Gradient(model, text, true), _ => 2);
        yield return new("gradient times input in front of the norm", (model, text) => Gradient(model, text, false), _ => 2);
    }

    private static double[] LeftOut(TextClassifier<string> model, ReadText text) => Fall(Scores(model, [text.Row, .. text.Words.Select(word => WordErasure.Without(text.Row, word))], text.Output));

    private static double[] Masked(TextClassifier<string> model, ReadText text) =>
        Fall(Scores(model, [text.Row, .. text.Words.Select(word => new TokenizedRow([.. text.Row.TokenIds.Select((id, i) => word.Contains(i) ? model.Tokenizer.MaskId!.Value : id)], null))], text.Output));

    // What a word does to the score of no words at all.
    private static double[] Alone(TextClassifier<string> model, ReadText text)
    {
        TokenizedRow Only(int[] word) => new([.. text.Row.TokenIds.Where((_, i) => word.Contains(i) || text.Tokens.SequenceIds[i] < 0)], null);
        return [.. Fall(Scores(model, [Only([]), .. text.Words.Select(Only)], text.Output)).Select(fall => -fall)];
    }

    private static double[] Hidden(TextClassifier<string> model, ReadText text)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        TrunkInput plain = TokenizedBatch.Stack([.. Enumerable.Repeat(text.Row, text.Words.Length + 1)], text.Row.Length, model.PadId, CPU);
        bool[] seen = [.. new int[][] { [] }.Concat(text.Words).SelectMany(word => text.Row.TokenIds.Select((_, i) => !word.Contains(i)))];
        Tensor logits = model.Head.Logits(new TrunkInput(plain.Ids, plain.Types, tensor(seen, [text.Words.Length + 1, text.Row.Length])), ForwardContext.Evaluation());
        return Fall(logits.select(1, text.Output).contiguous().data<float>().ToArray());
    }

    private static double[] Integrated(TextClassifier<string> model, ReadText text, int? baseline)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor inTexts = tensor(text.Tokens.SequenceIds.Select(sequence => sequence >= 0).ToArray()).reshape(1, -1, 1), table = model.Head.Weights.Find("embeddings.token.weight")!.Value;
        Tensor nothing = (baseline is { } id ? table.select(0, id) : table.mean([0])).reshape(1, 1, -1);
        Tensor start = IntegratedGradients.Vectors(model.Head, text.Row, model.PadId, embedded => where(inTexts, nothing, embedded));
        return Sums(text, IntegratedGradients.Of(model.Head, text.Row, start, model.PadId, text.Output, Points));
    }

    private static double[] Gradient(TextClassifier<string> model, ReadText text, bool behind)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        Tensor? leaf = null;
        Func<Tensor, Tensor> observe = states => leaf = states.detach().clone().requires_grad_(true);
        ForwardContext context = ForwardContext.Observing(behind ? null : observe, behind ? observe : null, ScalarType.Float32);
        Tensor logits = model.Head.Logits(TokenizedBatch.Stack([text.Row], text.Row.Length, model.PadId, CPU), context);
        logits.select(0, 0).select(0, text.Output).backward(inputs: [leaf!]);
        return Sums(text, [.. (leaf!.grad! * leaf).sum(-1).select(0, 0).detach().data<float>().Select(value => (double)value)]);
    }

    private static double[] Sums(ReadText text, double[] tokens) => [.. text.Words.Select(word => word.Sum(token => tokens[token]))];

    // The first is the text as it is.
    private static double[] Fall(float[] scores) => [.. scores.Skip(1).Select(score => (double)scores[0] - score)];

    private static float[] Scores(TextClassifier<string> model, TokenizedRow[] rows, int output) => [.. PredictionBatches.Run(
        model.Weights, rows,
        (batch, length) => PredictionBatches.Split(model.Head.Logits(TokenizedBatch.Stack(batch, length, model.PadId, CPU), ForwardContext.Evaluation()), batch.Length),
        CancellationToken.None).Select(logits => logits[output])];
}
