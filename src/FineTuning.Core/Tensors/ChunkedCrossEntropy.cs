using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// Cross-entropy of a linear layer over a large vocabulary whose logits never exist whole: a few tokens at a time, and the gradient is computed in the forward
/// pass, while the logits are there. Exact.
/// </summary>
internal static class ChunkedCrossEntropy
{
    /// <summary>The sum over tokens of (1 - e)(-log p of the target) + e / words times the sum over all words of -log p.</summary>
    /// <param name="layer">Hidden states, output layer and targets.</param>
    /// <returns>A scalar, float32 or float64, with its gradient for hidden states, weight and bias, as far as they want one.</returns>
    /// <exception cref="ArgumentException">Shapes or types do not fit, or a target is no word.</exception>
    public static Tensor Sum(LinearTargets layer)
    {
        layer.Check();
        LinearTargets counted = Selected(layer);
        bool wanted = is_grad_enabled() && (counted.Hidden.requires_grad || counted.Weight.requires_grad || counted.Bias?.requires_grad == true);
        LinearGradients gradients;
        using (no_grad()) gradients = Compute(counted, wanted);
        if (!wanted) return gradients.Sum;
        return counted.Bias is null
            ? SumFunction.apply(counted.Hidden, counted.WeightSeen, gradients)
            : SumFunction.apply(counted.Hidden, counted.WeightSeen, counted.Bias, gradients);
    }

    /// <summary>The layer with the tokens alone whose target counts: the others take no part in any product.</summary>
    public static LinearTargets Selected(LinearTargets layer)
    {
        if (layer.Counted() is not { } rows) return layer;
        return layer with
        {
            Hidden = layer.Hidden.index_select(0, rows),
            Targets = layer.Targets.index_select(0, rows),
            TokenWeights = layer.TokenWeights?.index_select(0, rows),
        };
    }

    /// <summary>The exact type in which probabilities are computed: float32, or float64 where the layer is.</summary>
    public static ScalarType ResultType(LinearTargets layer) => layer.Hidden.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    private static LinearGradients Compute(LinearTargets layer, bool wanted)
    {
        Tensor hidden = layer.Hidden.detach(), weight = layer.Weight.detach();
        (long tokens, ScalarType type) = (hidden.shape[0], ResultType(layer));
        var gradients = new LinearGradients
        {
            Sum = zeros([], type, hidden.device),
            Hidden = wanted && layer.Hidden.requires_grad ? empty_like(hidden) : null,
            Weight = wanted && layer.Weight.requires_grad ? zeros_like(weight) : null,
            Bias = wanted && layer.Bias?.requires_grad == true ? zeros_like(layer.Bias) : null,
        };
        using Tensor room = LogitChunk.Room(layer);
        for (long start = 0; start < tokens; start += layer.Chunk)
        {
            using var scope = NewDisposeScope();
            long count = Math.Min(layer.Chunk, tokens - start);
            Tensor states = hidden.narrow(0, start, count), targets = layer.Targets.narrow(0, start, count);
            Tensor? weights = layer.TokenWeights?.narrow(0, start, count).to(type).unsqueeze(1);
            var chunk = new LogitChunk(layer, states, targets, room);
            Tensor losses = chunk.Losses(layer.Smoothing);
            gradients.Sum.PlusInPlace((weights is null ? losses : losses * weights).sum());
            if (!wanted) continue;
            Tensor slopes = chunk.Slopes(layer.Smoothing, weights).to(hidden.dtype);
            gradients.Hidden?.narrow(0, start, count).addmm_(slopes, weight, 0, 1);
            gradients.Weight?.addmm_(slopes.t(), states, 1, 1);
            gradients.Bias?.PlusInPlace(slopes.sum([0]).to(gradients.Bias.dtype));
        }
        return gradients;
    }

    /// <summary>Hands out the gradients that were computed already.</summary>
    private sealed class SumFunction : autograd.SingleTensorFunction<SumFunction>
    {
        public override string Name => "chunked_cross_entropy";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var gradients = (LinearGradients)vars[^1];
            ctx.save_data("gradients", gradients);
            ctx.save_data("inputs", vars.Length);
            return gradients.Sum;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            // What is not a tensor has a place of its own, which stays empty.
            int inputs = (int)ctx.get_data("inputs");
            try
            {
                var gradients = (LinearGradients)ctx.get_data("gradients");
                // The loop's own losses are sums: their gradient is 1, and nothing is to be multiplied. What is handed out is the receiver's to change.
                bool one = grad_output.device_type == DeviceType.CPU && grad_output.Number() == 1;
                if (gradients.IsGone) throw new InvalidOperationException("the gradient was handed out before: a backward pass over this loss runs once");
                gradients.IsGone = one;
                Tensor? Scaled(Tensor? gradient) => gradient is null ? null : one ? gradient.alias() : gradient * grad_output.to(gradient.dtype);
                return [.. new[] { gradients.Hidden, gradients.Weight, gradients.Bias }.Take(inputs - 1).Append(null).Select(gradient => Scaled(gradient)!)];
            }
            catch (Exception fault)
            {
                BackwardFaults.Keep(fault);
                return [.. Enumerable.Repeat<Tensor>(null!, inputs)];
            }
        }
    }
}

/// <summary>A sum and its gradients; null where nobody wants one.</summary>
internal sealed class LinearGradients
{
    public required Tensor Sum { get; init; }

    public Tensor? Hidden { get; init; }

    public Tensor? Weight { get; init; }

    public Tensor? Bias { get; init; }

    /// <summary>Whether they belong to somebody else now.</summary>
    public bool IsGone { get; set; }
}
